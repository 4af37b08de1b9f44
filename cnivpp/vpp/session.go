package vpp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"go.fd.io/govpp/api"
	interfaces "go.fd.io/govpp/binapi/interface"
	"go.fd.io/govpp/binapi/interface_types"
	"go.fd.io/govpp/binapi/vlib"

	"github.com/userspace-cni/userspace-cni/pkg/vppapi"
)

// clientName is how VPP's "show api clients" lists us.
const clientName = "userspace-cni"

// Index is a sw_if_index. It is reused when an interface goes and when VPP
// restarts, so it never outlives a Session.
type Index = interface_types.InterfaceIndex

// NoIndex is VPP's ~0.
const NoIndex = ^Index(0)

// ErrUnsupported means that this VPP lacks a message that the request needs, or was
// started without what it needs.
var ErrUnsupported = errors.New("this VPP can't do it")

// Session is a connection to one VPP with the interface indexes that were
// learned over it. Several goroutines may use it, each for other interfaces.
type Session struct {
	conn *vppapi.Conn

	mu      sync.Mutex // guards indexes
	indexes map[string]Index

	// snapshot is nil where each look asks VPP anew.
	snapshot *snapshot
}

// Connect opens a session with the VPP whose API socket is at path. The errors
// are those of vppapi.Dial.
func Connect(ctx context.Context, path string) (*Session, error) {
	conn, err := vppapi.Dial(ctx, path, clientName)
	if err != nil {
		return nil, err
	}
	return &Session{conn: conn, indexes: map[string]Index{}}, nil
}

// Close ends the session.
func (s *Session) Close() error { return s.conn.Close() }

// Gone is closed when the connection to VPP has ended.
func (s *Session) Gone() <-chan struct{} { return s.conn.Gone() }

// Process is whose API socket it is, as far as the kernel tells.
func (s *Session) Process() (vppapi.Process, error) { return s.conn.Process() }

// Conn is the connection, for the generated clients of govpp's binapi.
func (s *Session) Conn() api.Connection { return s.conn }

// Probe checks, before anything is changed, that VPP has every message that a
// request needs, and names those that it doesn't have.
func (s *Session) Probe(ctx context.Context, messages ...api.Message) error {
	missing := s.conn.Supports(messages...)
	if missing == nil {
		return nil
	}
	release := "unknown release"
	if version, err := s.Release(ctx); err == nil {
		release = version
	}
	return fmt.Errorf("%w (VPP %s; is the plugin that has the message disabled in its startup.conf?): %w",
		ErrUnsupported, release, missing)
}

// Supports tells of one message whether VPP has it.
func (s *Session) Supports(message api.Message) error { return s.conn.Supports(message) }

// Release is VPP's own version text, such as "v26.06-release". It is asked for
// by the CLI because the package of the binary message for it, binapi/vpe,
// links net/http into every program.
func (s *Session) Release(ctx context.Context) (string, error) {
	answer, err := s.CLI(ctx, "show version")
	if err != nil {
		return "", err
	}
	if words := strings.Fields(answer); len(words) > 1 {
		return words[1], nil
	}
	return "", fmt.Errorf("VPP answered %q to show version", answer)
}

// Uptime is how long this VPP has run.
func (s *Session) Uptime(ctx context.Context) (time.Duration, error) {
	answer, err := s.CLI(ctx, "show clock")
	if err != nil {
		return 0, err
	}
	var seconds float64
	if _, err := fmt.Sscanf(answer, "Time now %f", &seconds); err != nil {
		return 0, fmt.Errorf("VPP answered %q to show clock", answer)
	}
	return time.Duration(seconds * float64(time.Second)), nil
}

// CLI runs a command of VPP's debug CLI and returns its output, also what it says
// when the command fails.
func (s *Session) CLI(ctx context.Context, command string) (string, error) {
	reply, err := vlib.NewServiceClient(s.conn).CliInband(ctx, &vlib.CliInband{Cmd: command})
	if err == nil {
		return reply.Reply, nil
	}
	var output string
	if reply != nil {
		output = reply.Reply
	}
	return output, fmt.Errorf("%s: %w", command, err)
}

// Learn remembers the index of an interface that a step has just made.
func (s *Session) Learn(name string, index Index) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.indexes[name] = index
}

// Forget drops the index of an interface that a step has just removed.
func (s *Session) Forget(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.indexes, name)
}

// Index returns the index of the interface with exactly this name.
func (s *Session) Index(ctx context.Context, name string) (Index, error) {
	s.mu.Lock()
	index, ok := s.indexes[name]
	s.mu.Unlock()
	if ok {
		return index, nil
	}
	found, err := s.Interface(ctx, name)
	if err != nil {
		return NoIndex, err
	}
	if found == nil {
		return NoIndex, fmt.Errorf("VPP has no interface %s", name)
	}
	return found.Index, nil
}

// interfaces returns the generated client for VPP's interface API.
func (s *Session) interfaces() interfaces.RPCService { return interfaces.NewServiceClient(s.conn) }

// Drain reads a dump of the generated clients to its end and hands every
// message to each.
func Drain[T any](recv func() (T, error), each func(T)) error {
	for {
		msg, err := recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		each(msg)
	}
}
