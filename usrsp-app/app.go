package usrspapp

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"time"

	"github.com/userspace-cni/userspace-cni/cnivpp"
	"github.com/userspace-cni/userspace-cni/pkg/vppapi"
)

// Defaults of the paths in a container.
const (
	DefaultVPPAPISocket = "/run/vpp/api.sock"
	DefaultSharedDir    = "/var/lib/cni/usrspcni"
)

// applyTimeout bounds one round of configuring VPP.
const applyTimeout = 30 * time.Second

// App configures the container's VPP.
type App struct {
	// VPPAPISocket is the path of the container's VPP.
	VPPAPISocket string
	// SharedDir holds the sockets and the contract files.
	SharedDir string
	// PodInfo is the directory of the downward-API volume; empty: where such
	// volumes are usually mounted.
	PodInfo string
	// ReadyFile is created when everything is configured; empty: none.
	ReadyFile string
	// Timeout bounds the waiting for contract and VPP; 0: no bound.
	Timeout time.Duration
	Log     *slog.Logger
}

// Once waits, configures, and returns everything that went wrong.
func (a *App) Once(ctx context.Context) error {
	conn, err := a.round(ctx)
	if err != nil {
		return err
	}
	return conn.Close()
}

// Run configures, stays, and configures again whenever VPP has come back from a
// restart, until the context ends; that is no error. What goes wrong is logged
// and tried again.
func (a *App) Run(ctx context.Context) error {
	defer a.unready()
	logged := "" // the same error is not logged every second
	for ctx.Err() == nil {
		conn, err := a.round(ctx)
		if err == nil {
			logged = ""
			a.keep(ctx, conn)
			continue
		}
		if text := err.Error(); text != logged && ctx.Err() == nil {
			a.Log.Error("not everything is configured, trying again every second", "err", err)
			logged = text
		}
		pause(ctx, time.Second)
	}
	return nil
}

// keep waits until VPP or the context has gone.
func (a *App) keep(ctx context.Context, conn *vppapi.Conn) {
	defer conn.Close()
	select {
	case <-ctx.Done():
	case <-conn.Gone():
		a.unready()
		a.Log.Warn("VPP is gone: waiting for it to come back")
	}
}

// round waits for contract and VPP and configures. The connection tells when
// that VPP goes.
func (a *App) round(ctx context.Context) (*vppapi.Conn, error) {
	a.unready() // a file that is there yet is that of a process that was killed
	waiting, cancel := a.bounded(ctx)
	defer cancel()
	entries, damaged, err := a.waitForContract(waiting)
	if err != nil {
		return nil, err
	}
	conn, err := a.waitForVPP(waiting)
	if err != nil {
		return nil, err
	}
	if err = errors.Join(damaged, a.apply(ctx, entries)); err == nil {
		err = a.ready()
	}
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	a.Log.Info("configured", "interfaces", len(entries))
	return conn, nil
}

func (a *App) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	if a.Timeout == 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, a.Timeout)
}

// waitForVPP connects as soon as somebody answers.
func (a *App) waitForVPP(ctx context.Context) (*vppapi.Conn, error) {
	for waited := false; ; waited = true {
		conn, err := vppapi.Dial(ctx, a.VPPAPISocket, "usrsp-app")
		if err == nil {
			return conn, nil
		}
		if !errors.Is(err, vppapi.ErrNotRunning) && !errors.Is(err, vppapi.ErrConnectionLost) {
			return nil, err
		}
		if !waited {
			a.Log.Info("waiting for VPP", "err", err)
		}
		if !pause(ctx, pollInterval) {
			return nil, fmt.Errorf("no VPP after %s: %w", a.Timeout, err)
		}
	}
}

// apply configures every interface, whatever happens to the others.
func (a *App) apply(ctx context.Context, entries []numbered) error {
	ctx, cancel := context.WithTimeout(ctx, applyTimeout)
	defer cancel()
	engine := &cnivpp.Engine{Socket: a.VPPAPISocket, Locks: noLocks{}, Log: a.Log}
	var failed []error
	for _, entry := range entries {
		spec, err := a.spec(entry)
		if err == nil {
			err = engine.Ensure(ctx, spec, false)
		}
		if err != nil {
			failed = append(failed, fmt.Errorf("network %s, interface %s: %w", entry.Name, entry.IfName, err))
			continue
		}
		a.Log.Info("interface is configured", "network", entry.Name, "ifname", entry.IfName, "interface", spec.Endpoint.Interface())
	}
	return errors.Join(failed...)
}

// noLocks: nobody else configures the container's VPP.
type noLocks struct{}

func (noLocks) Lock(context.Context, string) (func(), error) { return func() {}, nil }

func (a *App) ready() error {
	if a.ReadyFile == "" {
		return nil
	}
	return os.WriteFile(a.ReadyFile, []byte("ready\n"), 0o644)
}

func (a *App) unready() {
	if a.ReadyFile == "" {
		return
	}
	if err := os.Remove(a.ReadyFile); err != nil && !errors.Is(err, fs.ErrNotExist) {
		a.Log.Warn("can't remove the ready file", "err", err)
	}
}
