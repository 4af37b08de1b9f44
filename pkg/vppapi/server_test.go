package vppapi

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.fd.io/govpp/api"
	interfaces "go.fd.io/govpp/binapi/interface"
	"go.fd.io/govpp/binapi/memclnt"
	"go.fd.io/govpp/codec"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds what must come, briefly what must not.
const (
	patience = 20 * time.Second
	briefly  = 50 * time.Millisecond
)

// clientIndex is as VPP gives them to socket clients: with the high bit set.
const clientIndex = 1<<31 | 1

// server is VPP's end of the framing: it answers with what its handler sends.
type server struct {
	t        *testing.T
	path     string
	listener net.Listener
	handle   func(p *peer, id uint16, data []byte)
	all      sync.WaitGroup
}

// peer is one connected client.
type peer struct {
	*server
	conn net.Conn
}

// ids of the messages that the server knows.
var ids = map[string]uint16{}

var known = []api.Message{
	&memclnt.ControlPing{}, &memclnt.ControlPingReply{},
	&memclnt.SockclntDelete{}, &memclnt.SockclntDeleteReply{},
	&interfaces.SwInterfaceDump{}, &interfaces.SwInterfaceDetails{}, &interfaces.SwInterfaceEvent{},
	&interfaces.SwInterfaceSetFlags{}, &interfaces.SwInterfaceSetFlagsReply{},
	&interfaces.SwInterfaceRxPlacementDump{}, &interfaces.SwInterfaceRxPlacementDetails{},
}

func init() {
	for i, msg := range known {
		ids[msg.GetMessageName()] = uint16(100 + i)
	}
}

func socketPath(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "va") // short enough for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return filepath.Join(dir, "api.sock")
}

// serve starts a server; without a handler it answers every request with 0.
func serve(t *testing.T, handle func(p *peer, id uint16, data []byte)) *server {
	t.Helper()
	s := &server{t: t, path: socketPath(t), handle: handle}
	if s.handle == nil {
		s.handle = answerAll
	}
	var err error
	if s.listener, err = net.Listen("unix", s.path); err != nil {
		t.Fatal(err)
	}
	s.all.Go(s.accept)
	t.Cleanup(func() {
		s.listener.Close()
		s.all.Wait()
	})
	return s
}

func (s *server) accept() {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.all.Go(func() { (&peer{s, conn}).serve() })
	}
}

func (p *peer) serve() {
	defer p.conn.Close()
	for {
		data, err := readFrame(p.conn)
		if err != nil {
			return
		}
		if id := binary.BigEndian.Uint16(data); id == sockclntCreateID {
			p.write(p.tableMessage())
		} else {
			p.handle(p, id, data)
		}
	}
}

// tableMessage is sockclnt_create_reply, as VPP lays it out.
func (p *peer) tableMessage() []byte {
	data := binary.BigEndian.AppendUint16(nil, sockclntCreateID+1)
	data = binary.BigEndian.AppendUint32(data, 0) // client
	data = binary.BigEndian.AppendUint32(data, 0) // context
	data = binary.BigEndian.AppendUint32(data, 0) // response
	data = binary.BigEndian.AppendUint32(data, clientIndex)
	data = binary.BigEndian.AppendUint16(data, uint16(len(known)))
	for i, msg := range known {
		name := msg.GetMessageName() + "_" + msg.GetCrcString()
		if i%2 == 0 {
			name += "\x13" // as VPP leaves it in some names
		}
		data = binary.BigEndian.AppendUint16(data, ids[msg.GetMessageName()])
		data = append(data, append([]byte(name), make([]byte, 64-len(name))...)...)
	}
	return data
}

func (p *peer) write(data []byte) {
	frame := make([]byte, frameHeader)
	binary.BigEndian.PutUint32(frame[lengthOffset:], uint32(len(data)))
	if _, err := p.conn.Write(append(frame, data...)); err != nil {
		p.conn.Close()
	}
}

// reply sends a message under a context, or an event under a client index.
func (p *peer) reply(msg api.Message, context uint32) {
	data, err := codec.EncodeMsg(msg, ids[msg.GetMessageName()])
	if err != nil {
		p.t.Error(err)
	}
	binary.BigEndian.PutUint32(data[replyContextOffset:], context)
	p.write(data)
}

// contextOf checks a request's client index and returns its context.
func (p *peer) contextOf(data []byte) uint32 {
	if client := binary.BigEndian.Uint32(data[clientIndexOffset:]); client != clientIndex {
		p.t.Errorf("request of client %#x, want %#x", client, uint32(clientIndex))
	}
	return binary.BigEndian.Uint32(data[requestContextOffset:])
}

func answerAll(p *peer, id uint16, data []byte) {
	switch id {
	case ids["sw_interface_set_flags"]:
		p.reply(&interfaces.SwInterfaceSetFlagsReply{}, p.contextOf(data))
	case ids["control_ping"]:
		p.reply(&memclnt.ControlPingReply{}, p.contextOf(data))
	case ids["sockclnt_delete"]:
		p.reply(&memclnt.SockclntDeleteReply{Response: 1}, p.contextOf(data))
	}
}

// silent takes requests and never answers.
func silent(*peer, uint16, []byte) {}

// dial connects, and closes when the test ends.
func dial(t *testing.T, path string) *Conn {
	t.Helper()
	c, err := Dial(within(t, patience), path, "test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

func setFlags(ctx context.Context, c *Conn) error {
	_, err := interfaces.NewServiceClient(c).SwInterfaceSetFlags(ctx, &interfaces.SwInterfaceSetFlags{SwIfIndex: 1})
	return err
}

// dump counts the details and hands each to a function.
func dump(ctx context.Context, c *Conn, each func(*interfaces.SwInterfaceDetails)) (int, error) {
	client, err := interfaces.NewServiceClient(c).SwInterfaceDump(ctx, &interfaces.SwInterfaceDump{})
	if err != nil {
		return 0, err
	}
	for n := 0; ; n++ {
		details, err := client.Recv()
		if err == io.EOF {
			return n, nil
		}
		if err != nil {
			return n, err
		}
		each(details)
	}
}
