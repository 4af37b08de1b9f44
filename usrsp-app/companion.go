package usrspapp

import (
	"context"
	"time"

	"github.com/userspace-cni/userspace-cni/cnivpp"
	"github.com/userspace-cni/userspace-cni/pkg/contract"
	"github.com/userspace-cni/userspace-cni/pkg/vppapi"
)

const (
	// followInterval is how often the companion looks whether the contract has
	// changed: often enough for a person, at the cost of some stats.
	followInterval = 250 * time.Millisecond
	// retryInterval is the time between two attempts at what failed.
	retryInterval = time.Second
)

// companion is what the app knows while it runs.
type companion struct {
	*App
	engine *cnivpp.Engine
	// files and pod are where the contract is told.
	files, pod source
	entries    []contract.Entry
	networks   map[slot]*network
	// lost are the routes that were reported as left out.
	lost map[loss]bool
	// begun tells that there was a contract.
	begun bool
	// logged is the error that was logged last.
	logged string
}

// network is what the companion has made of an entry.
type network struct {
	// number is that of the interface. It is the network's for as long as that is
	// there: the numbers of others coming and going don't shift it.
	number uint32
	// spec is what VPP was asked for, wholly or in part; without an endpoint:
	// nothing.
	spec cnivpp.Spec
	// link is the symbolic link to the shared directory; empty: none.
	link string
	// done tells that VPP has it.
	done bool
}

func newCompanion(a *App) *companion {
	return &companion{
		App:      a,
		engine:   &cnivpp.Engine{Socket: a.VPPAPISocket, Locks: noLocks{}, Log: a.Log},
		networks: map[slot]*network{},
	}
}

// meet waits for VPP, and before that for the first contract. Of this VPP
// nothing is known. The connection tells when it goes; it is nil where no
// interface is VPP's, and none answers.
func (c *companion) meet(ctx context.Context) (*vppapi.Conn, error) {
	ctx, cancel := c.bounded(ctx)
	defer cancel()
	if !c.begun {
		if err := c.waitForContract(ctx); err != nil {
			return nil, err
		}
		c.begun = true
	}
	for _, n := range c.networks {
		n.done = false
	}
	if !c.needsVPP() && !c.lookForVPP(ctx) {
		c.Log.Info("every network of the pod is vhost-user or VCL, and so the application's: not waiting for a VPP",
			"vhost-user", "usrsp-app dpdk-args", "VCL", "usrsp-app vcl-exec")
		return nil, nil
	}
	return c.waitForVPP(ctx)
}

// follow keeps VPP as the contract says until VPP or the context has gone.
func (c *companion) follow(ctx context.Context, conn *vppapi.Conn) {
	defer conn.Close()
	seen, again := "", true
	for {
		// The fingerprint is older than what is read: a change in between is seen
		// at the next look.
		if now := c.fingerprint(); again || now != seen {
			err := c.reconcile(ctx)
			c.report(ctx, err)
			seen, again = now, err != nil
		}
		wait := followInterval
		if again {
			wait = retryInterval
		}
		select {
		case <-ctx.Done():
			return
		case <-conn.Gone():
			c.unready()
			c.Log.Warn("VPP is gone: waiting for it to come back")
			return
		case <-time.After(wait):
		}
	}
}

// report logs an error, unless it is the same as the last.
func (c *companion) report(ctx context.Context, err error) {
	if err == nil {
		c.logged = ""
		return
	}
	if text := err.Error(); text != c.logged && ctx.Err() == nil {
		c.Log.Error("not everything is configured, trying again every second", "err", err)
		c.logged = text
	}
}
