package usrspapp

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"time"

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
	a.unready() // a file that is there yet is that of a process that was killed
	c := newCompanion(a)
	conn, err := c.meet(ctx)
	if err != nil {
		return err
	}
	if conn == nil {
		return c.standBy()
	}
	return errors.Join(c.reconcile(ctx), conn.Close())
}

// Run configures, stays, and follows the contract and restarts of VPP until the
// context ends; that is no error. What goes wrong is logged and tried again.
func (a *App) Run(ctx context.Context) error {
	a.unready() // as in Once
	defer a.unready()
	c := newCompanion(a)
	for ctx.Err() == nil {
		conn, err := c.meet(ctx)
		if c.report(ctx, err); err != nil {
			pause(ctx, retryInterval)
			continue
		}
		if conn == nil {
			c.idle(ctx)
			continue
		}
		c.follow(ctx, conn)
	}
	return nil
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
