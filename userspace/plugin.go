package userspace

import (
	"context"
	"io"
	"time"

	"github.com/containernetworking/cni/pkg/skel"

	"github.com/userspace-cni/userspace-cni/cnivpp"
	"github.com/userspace-cni/userspace-cni/pkg/nodeconf"
	"github.com/userspace-cni/userspace-cni/pkg/state"
)

// The verbs' deadlines, from the start of the call, are the node settings'. What
// DEL does after VPP (files, IPAM, record) gets the rest of its time when VPP
// doesn't answer, and so does ADD's undoing.
const (
	undoReserve = 2 * time.Second // at most, of each verb, kept from the vswitch
	// undoShare is the part of ADD's time that is kept for undoing it, and of a
	// verb's that the reserve is at most.
	undoShare = 4
)

// Plugin is the CNI plugin with everything it uses from outside.
type Plugin struct {
	Stdout io.Writer
	Stderr io.Writer
	Now    func() time.Time
	Store  state.Store
	// Locks are those on attachments and directories, which the IPAM plugin takes
	// over from a killed call; Shared those on what attachments share on a vswitch.
	Locks, Shared cnivpp.Locker
	Names         state.Names
	IPAM          IPAM
	// Links is where short links to shared directories are made; a short path.
	Links string
	// Node are the node settings, NodeErr why they can't be read.
	Node    nodeconf.Settings
	NodeErr error
}

// Funcs are the verbs for skel's dispatcher.
func (p *Plugin) Funcs() skel.CNIFuncs {
	return skel.CNIFuncs{
		Add:    p.verb(p.Node.AddTimeout, (*call).add),
		Check:  p.verb(p.Node.StatusTimeout, (*call).check),
		Del:    p.verb(p.Node.DelTimeout, (*call).del),
		Status: p.network(p.Node.StatusTimeout, (*call).status),
		GC:     p.network(gcTimeout, (*call).gc),
	}
}

// verb wraps what all verbs share: one deadline, one log, the attachment's lock
// and the errors' translation into CNI's.
func (p *Plugin) verb(timeout time.Duration, do func(*call, context.Context) error) func(*skel.CmdArgs) error {
	return func(args *skel.CmdArgs) error {
		started := p.Now()
		ctx, cancel := context.WithTimeout(context.Background(), timeout)
		defer cancel()
		c, err := p.newCall(args)
		if err != nil {
			return cniError(err)
		}
		defer c.closeLog()
		if err := c.locked(ctx, do); err != nil {
			c.log.Error("failed", "err", err)
			return cniError(err)
		}
		c.log.Info("done", "took", c.Now().Sub(started).Round(100*time.Microsecond))
		return nil
	}
}
