package userspace

import (
	"context"
	"io"
	"time"

	"github.com/containernetworking/cni/pkg/skel"

	"github.com/userspace-cni/userspace-cni/cnivpp"
	"github.com/userspace-cni/userspace-cni/pkg/state"
)

// Deadlines of the verbs, from the start of the call. What DEL does after VPP
// (files, IPAM, record) gets the rest of its time when VPP doesn't answer, and
// so does ADD's undoing.
const (
	addTimeout   = 30 * time.Second
	undoTimeout  = 10 * time.Second
	delTimeout   = 10 * time.Second
	undoReserve  = 2 * time.Second // of each, kept from the vswitch
	checkTimeout = 10 * time.Second
)

// Plugin is the CNI plugin with everything it uses from outside.
type Plugin struct {
	Stdout io.Writer
	Stderr io.Writer
	Now    func() time.Time
	Store  state.Store
	Locks  cnivpp.Locker
	IPAM   IPAM
	// Links is where short links to shared directories are made; a short path.
	Links string
}

// Funcs are the verbs for skel's dispatcher.
func (p *Plugin) Funcs() skel.CNIFuncs {
	return skel.CNIFuncs{
		Add:   p.verb(addTimeout, (*call).add),
		Check: p.verb(checkTimeout, (*call).check),
		Del:   p.verb(delTimeout, (*call).del),
	}
}

// verb wraps what all verbs share: one deadline, one log, the attachment's lock
// and the errors' translation into CNI's.
func (p *Plugin) verb(timeout time.Duration, do func(*call, context.Context) error) func(*skel.CmdArgs) error {
	return func(args *skel.CmdArgs) error {
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
		return nil
	}
}
