package userspace

import (
	"context"
	"time"

	"github.com/containernetworking/cni/pkg/skel"

	"github.com/userspace-cni/userspace-cni/pkg/state"
)

// gcTimeout bounds GC, which gives each attachment no more than DEL has.
const gcTimeout = 2 * time.Minute

// network wraps what the verbs about a whole network share: they hold no
// attachment's lock.
func (p *Plugin) network(timeout time.Duration, do func(*call, context.Context) error) func(*skel.CmdArgs) error {
	return func(args *skel.CmdArgs) error {
		ctx, cancel := context.WithTimeout(context.Background(), timeout)
		defer cancel()
		c, err := p.newCall(args, true)
		if err != nil {
			return cniError(err)
		}
		defer c.closeLog()
		if err := do(c, ctx); err != nil {
			c.log.Error("failed", "err", err)
			return cniError(err)
		}
		return nil
	}
}

// of is a call about another attachment than the one in the environment. Its
// configuration is what its ADD got, as far as the record has it.
func (c *call) of(record *state.Record) *call {
	other := *c
	plugin := *c.Plugin
	plugin.IPAM = c.IPAM.For(record.Attachment, record.Netns)
	other.Plugin = &plugin
	other.attachment = record.Attachment
	args := skel.CmdArgs{ContainerID: record.ContainerID, IfName: record.IfName, Netns: record.Netns, Path: c.args.Path, StdinData: record.NetConf}
	other.args, other.anyPod = &args, true
	if err := other.read(); err != nil {
		other.conf, other.invalid, args.StdinData = c.conf, c.invalid, c.args.StdinData
	}
	other.log = c.log.With("network", record.Network, "container", record.ContainerID, "ifname", record.IfName)
	return &other
}
