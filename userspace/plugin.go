package userspace

import (
	"context"
	"io"
	"os"
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
	// Journal is where the calls are noted.
	Journal state.Journal
	// Links is where short links to shared directories are made; a short path.
	Links string
	// Node are the node settings, NodeErr why they can't be read.
	Node    nodeconf.Settings
	NodeErr error
}

// New is the plugin on this host. The error is why the node settings can't be
// read: without them, only what is there can be taken away.
func New(node nodeconf.Settings, err error) *Plugin {
	if err != nil {
		node = nodeconf.Default()
	}
	return &Plugin{
		Stdout:  os.Stdout,
		Stderr:  os.Stderr,
		Now:     time.Now,
		Store:   state.Files{Dir: node.RecordsDir},
		Locks:   state.Locks{Dir: node.RecordsDir, Inherited: true},
		Shared:  state.Locks{Dir: node.RecordsDir},
		Names:   state.Names{Dir: node.RecordsDir},
		Journal: state.Journal{Dir: node.RecordsDir},
		IPAM:    DelegatedIPAM{},
		Links:   state.LinksDir(node.RecordsDir),
		Node:    node,
		NodeErr: err,
	}
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
		c, err := p.newCall(args, false)
		if err != nil {
			return cniError(err)
		}
		defer c.closeLog()
		err = c.locked(ctx, do)
		took := c.Now().Sub(started)
		c.note(err, took)
		if err != nil {
			c.log.Error("failed", "err", err)
			return cniError(err)
		}
		c.log.Info("done", "took", took.Round(100*time.Microsecond))
		return nil
	}
}

// note leaves figures for the node agent. No call fails for want of them.
func (c *call) note(err error, took time.Duration) {
	noted := state.Call{Verb: os.Getenv("CNI_COMMAND"), Kind: c.conf.Host.IfType, Took: took}
	if err != nil {
		noted.Code = code(err)
	}
	_ = c.Journal.Note(noted)
}
