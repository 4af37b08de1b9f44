package netconf

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/userspace-cni/userspace-cni/pkg/internal/fields"
)

const domainRange = "a number from 1 to 16777215"

// agreement is a rule between several fields. It is only looked at where each
// of them is right by itself.
type agreement struct {
	field string   // the one that gets the blame
	with  []string // the others
	check func(*NetConf) *Error
}

// agreements are checked on the configuration as given, except that the host's
// defaults are filled in.
var agreements = []agreement{
	{"host.bridge.bridgeId", []string{"host.bridge.bridgeName"}, oneDomain},
	{"host.memif.mode", []string{"host.netType"}, noIPInBridge},
	{"container.iftype", []string{"host.iftype"}, sameIfType},
	{"container.memif.role", []string{"host.memif.role"}, otherRole},
	{"container.memif.mode", []string{"host.memif.mode"}, sameMode},
	{"container.memif.secret", []string{"host.memif.secret"}, sameSecret},
	{"container.memif.socketfile", []string{"host.memif.socketfile"}, sameSocketFile},
}

// fit runs the agreements.
func (r *reader) fit(c *NetConf, list []agreement) {
	for _, a := range list {
		if r.Faulty(a.field) || slices.ContainsFunc(a.with, r.Faulty) {
			continue
		}
		e := a.check(c)
		if e == nil {
			continue
		}
		e.Field = a.field
		if raw, ok := r.Given[a.field]; ok && e.Value == "" {
			e.Value = fields.Shown(a.field, raw)
		}
		r.Fault(e)
	}
}

func oneDomain(c *NetConf) *Error {
	b := c.Host.Bridge
	if b == nil || b.BridgeName == "" || b.BridgeID == 0 || b.Domain() == uint32(b.BridgeID) {
		return nil
	}
	return &Error{Problem: fmt.Sprintf("differs from bridgeName %q", b.BridgeName), Allowed: "only one of them, or both equal"}
}

// noIPInBridge: VPP takes such an interface into the bridge, and no packet
// gets through.
func noIPInBridge(c *NetConf) *Error {
	if c.Host.NetType != NetTypeBridge || memif(c.Host).Mode != ModeIP {
		return nil
	}
	return &Error{Problem: "is not allowed with netType \"bridge\" (a bridge carries Ethernet frames)", Allowed: strconv.Quote(ModeEthernet)}
}

func sameIfType(c *NetConf) *Error {
	return same(c.Host.IfType, c.Container.IfType)
}

func sameMode(c *NetConf) *Error {
	return same(memif(c.Host).Mode, memif(c.Container).Mode)
}

func sameSocketFile(c *NetConf) *Error {
	host, container := memif(c.Host).SocketFile, memif(c.Container).SocketFile
	if host == "" && container != "" {
		return &Error{Problem: "is not allowed without host.memif.socketfile", Allowed: "left out"}
	}
	return same(host, container)
}

func sameSecret(c *NetConf) *Error {
	host, container := memif(c.Host).Secret, memif(c.Container).Secret
	if container == "" || container == host {
		return nil
	}
	return &Error{Problem: "differs from host.memif.secret", Allowed: "left out, or the same"}
}

func otherRole(c *NetConf) *Error {
	if memif(c.Container).Role != memif(c.Host).Role || memif(c.Host).Role == "" {
		return nil
	}
	host := memif(c.Host).Role
	return &Error{Problem: fmt.Sprintf("is not allowed (host.memif.role is %q too)", host), Allowed: strconv.Quote(opposite(host))}
}

// same is for fields of the container that may be left out and must otherwise
// be the host's.
func same(host, container string) *Error {
	if container == "" || container == host || host == "" {
		return nil
	}
	return &Error{Problem: fmt.Sprintf("differs from the host's %q", host), Allowed: "left out, or the same"}
}

func memif(s Side) Memif {
	if s.Memif == nil {
		return Memif{}
	}
	return *s.Memif
}
