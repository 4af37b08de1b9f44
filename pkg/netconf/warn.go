package netconf

import (
	"fmt"
	"strings"

	"github.com/userspace-cni/userspace-cni/pkg/internal/fields"
)

var sideNames = []string{"host", "container"}

// ovsOnly are the fields that VPP has no use for.
var ovsOnly = []string{"bridge.trunks", "bridge.vlanMode", "vhost.ingressPolicingRate", "vhost.ingressPolicingBurst"}

// remark collects the warnings on a configuration that is otherwise right and
// complete.
func (r *reader) remark(c *NetConf) {
	if c.LogFile != "" && c.LogFile[0] != '/' {
		r.Warn(fmt.Sprintf("logFile %q depends on the working directory of whoever calls the plugin; give an absolute path", c.LogFile))
	}
	r.remarkAddresses(c)
	if c.Host.NetType == NetTypeInterface && c.Host.IfType != IfTypeVCL && !c.hasAddresses() {
		r.Warn("host.netType is \"interface\" and the pod has no addresses: nothing is routed to it")
	}
	if c.Host.Memif.Role == RoleSlave && string(r.Given["host.memif.noZeroCopy"]) == "false" {
		r.Warn("host.memif.noZeroCopy is true all the same: a slave on the host would hand all of VPP's buffers to the pod")
	}
	r.remarkMAC("host", c.Host)
	r.remarkMAC("container", c.Container)
	r.remarkBlocks("host", c.Host)
	r.remarkBlocks("container", c.Container)
	r.remarkOVSOnly()
}

// remarkAddresses: without an IPAM plugin there is nobody who could complete an
// address.
func (r *reader) remarkAddresses(c *NetConf) {
	if c.IPAM.Type != "" {
		return
	}
	if r.givenIPAM() {
		r.Warn("ipam has no type: no addresses are assigned")
	}
	for _, ip := range c.RequestedIPs {
		if !ip.IsValid() {
			r.Warn(fmt.Sprintf("the requested address %s is ignored: it has no prefix length, and there is no ipam", ip.Addr()))
		}
	}
}

func (r *reader) givenIPAM() bool {
	list, _ := fields.Members(r.Given["ipam"])
	return len(list) > 0
}

// remarkMAC: an interface in mode ip has no Ethernet header.
func (r *reader) remarkMAC(name string, s Side) {
	if s.MAC != "" && s.IfType == IfTypeMemif && memif(s).Mode == ModeIP {
		r.Warn(fields.Join(name, "mac") + " is ignored: memif.mode is \"ip\"")
	}
}

// remarkBlocks names the blocks that the side's iftype and netType don't need,
// and forgets them.
func (r *reader) remarkBlocks(name string, s Side) {
	for _, b := range []struct{ block, field, is, needs string }{
		{"memif", "iftype", s.IfType, IfTypeMemif},
		{"vhost", "iftype", s.IfType, IfTypeVhostUser},
		{"vcl", "iftype", s.IfType, IfTypeVCL},
		{"bridge", "netType", s.NetType, NetTypeBridge},
	} {
		path := fields.Join(name, b.block)
		if b.is == b.needs || !r.givenBelow(path) {
			continue
		}
		r.Warn(fmt.Sprintf("%s is ignored: %s is %q", path, fields.Join(name, b.field), b.is))
		r.forget(path)
	}
}

func (r *reader) remarkOVSOnly() {
	var found []string
	for _, s := range sideNames {
		for _, f := range ovsOnly {
			if r.Given[fields.Join(s, f)] != nil {
				found = append(found, fields.Join(s, f))
			}
		}
	}
	if found != nil {
		r.Warn(strings.Join(found, ", ") + ": for Open vSwitch only, ignored on VPP")
	}
}

func (r *reader) givenBelow(path string) bool {
	for p := range r.Given {
		if strings.HasPrefix(p, path+".") {
			return true
		}
	}
	return false
}

func (r *reader) forget(path string) {
	for p := range r.Given {
		if strings.HasPrefix(p, path+".") {
			delete(r.Given, p)
		}
	}
}
