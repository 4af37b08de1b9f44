package userspace

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/containernetworking/cni/pkg/invoke"
	current "github.com/containernetworking/cni/pkg/types/100"

	"github.com/userspace-cni/userspace-cni/pkg/netconf"
)

// IPAM calls the IPAM plugin that a configuration names. The whole
// configuration and the environment of the call are passed on unchanged, but for
// what [ipamEnviron] leaves out.
type IPAM interface {
	NetworkIPAM
	// Find fails when there is no such plugin.
	Find(plugin string) error
	Add(ctx context.Context, plugin string, stdin []byte) (*current.Result, error)
	Check(ctx context.Context, plugin string, stdin []byte) error
	Del(ctx context.Context, plugin string, stdin []byte) error
}

// DelegatedIPAM runs the plugin's binary from CNI_PATH.
type DelegatedIPAM struct{}

var _ IPAM = DelegatedIPAM{}

// Find implements IPAM.
func (DelegatedIPAM) Find(plugin string) error {
	path := os.Getenv("CNI_PATH")
	if _, err := invoke.FindInPath(plugin, filepath.SplitList(path)); err != nil {
		return netconf.Errors{{
			Field: "ipam.type", Value: strconv.Quote(plugin), Problem: "is not there",
			Allowed: "the name of an IPAM plugin in " + path,
		}}
	}
	return nil
}

// Add implements IPAM.
func (DelegatedIPAM) Add(ctx context.Context, plugin string, stdin []byte) (*current.Result, error) {
	answer, err := invoke.DelegateAdd(ctx, plugin, stdin, newExec())
	if err != nil {
		return nil, fmt.Errorf("IPAM plugin %s: %w", plugin, err)
	}
	result, err := current.NewResultFromResult(answer)
	if err != nil {
		return nil, fmt.Errorf("IPAM plugin %s: its result: %w", plugin, err)
	}
	return result, nil
}

// Check implements IPAM.
func (DelegatedIPAM) Check(ctx context.Context, plugin string, stdin []byte) error {
	if err := invoke.DelegateCheck(ctx, plugin, stdin, newExec()); err != nil {
		return fmt.Errorf("IPAM plugin %s: %w", plugin, err)
	}
	return nil
}

// Del implements IPAM.
func (DelegatedIPAM) Del(ctx context.Context, plugin string, stdin []byte) error {
	if err := invoke.DelegateDel(ctx, plugin, stdin, newExec()); err != nil {
		return fmt.Errorf("IPAM plugin %s: %w", plugin, err)
	}
	return nil
}

// boundedExec runs a plugin as the library does, but not longer than the
// context lasts: the library kills the plugin then, and goes on waiting for what
// the plugin has started and left with its stdout.
type boundedExec struct{ *invoke.DefaultExec }

var _ invoke.Exec = boundedExec{}

func newExec() boundedExec {
	return boundedExec{&invoke.DefaultExec{RawExec: &invoke.RawExec{Stderr: os.Stderr}}}
}

// reapTimeout is how long a killed plugin has for its end.
const reapTimeout = 100 * time.Millisecond

// ExecPlugin implements invoke.Exec.
func (e boundedExec) ExecPlugin(ctx context.Context, path string, stdin []byte, environ []string) ([]byte, error) {
	type answer struct {
		stdout []byte
		err    error
	}
	ended := make(chan answer, 1)
	go func() {
		stdout, err := e.DefaultExec.ExecPlugin(ctx, path, stdin, ipamEnviron(environ, stdin))
		ended <- answer{stdout, err}
	}()
	select {
	case a := <-ended:
		if a.err == nil || ctx.Err() == nil {
			return a.stdout, a.err
		}
	case <-ctx.Done():
		select {
		case <-ended:
		case <-time.After(reapTimeout):
		}
	}
	return nil, fmt.Errorf("it did not end in time: %w", context.Cause(ctx))
}
