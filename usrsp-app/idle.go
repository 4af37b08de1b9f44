package usrspapp

import (
	"context"
	"slices"

	"github.com/userspace-cni/userspace-cni/pkg/contract"
	"github.com/userspace-cni/userspace-cni/pkg/netconf"
	"github.com/userspace-cni/userspace-cni/pkg/vppapi"
)

// isVhost tells whether the endpoint is a DPDK application's, or a virtual
// machine's: VPP is always the other end of vhost-user.
func isVhost(e contract.Entry) bool { return e.Config.IfType == netconf.IfTypeVhostUser }

// isVCL tells whether the endpoint is the host's VPP itself, which applications
// use through its socket: there is no interface.
func isVCL(e contract.Entry) bool { return e.Config.IfType == netconf.IfTypeVCL }

// isApplications tells whether the endpoint is an application's, and no VPP's of
// the container.
func isApplications(e contract.Entry) bool { return isVhost(e) || isVCL(e) }

// forVPP are the entries that the container's VPP is to be configured for.
func (c *companion) forVPP() []contract.Entry {
	return slices.DeleteFunc(slices.Clone(c.entries), isApplications)
}

func (c *companion) needsVPP() bool { return len(c.forVPP()) > 0 }

// lookForVPP tells whether one answers.
func (c *companion) lookForVPP(ctx context.Context) bool {
	conn, err := vppapi.Dial(ctx, c.VPPAPISocket, "usrsp-app")
	return err == nil && conn.Close() == nil
}

// standBy is all there is to do without a VPP: to be ready, unless the contract
// can't be read as a whole.
func (c *companion) standBy() error {
	if err := c.read(); err != nil {
		c.unready()
		return err
	}
	if c.needsVPP() {
		c.unready()
		return nil
	}
	return c.ready()
}

// idle stands by until an interface is VPP's, or a VPP has come.
func (c *companion) idle(ctx context.Context) {
	seen, again := "", true
	for ctx.Err() == nil && !c.needsVPP() && !c.lookForVPP(ctx) {
		if now := c.fingerprint(); again || now != seen {
			err := c.standBy()
			c.report(ctx, err)
			seen, again = now, err != nil
		}
		pause(ctx, followInterval)
	}
}
