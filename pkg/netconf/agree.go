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
	{"host.vrf", []string{"host.netType"}, tableIsRouted},
	{"host.memif.mode", []string{"host.netType"}, noIPInBridge},
	{"container.netType", []string{"host.memif.mode"}, noIPInContainerBridge},
	{"container.bridge.bridgeName", []string{"container.netType"}, numberInContainer},
	{"container.bridge.bridgeId", []string{"container.netType", "container.bridge.bridgeName"}, oneDomainInContainer},
	{"container.bridge.vlanId", []string{"container.netType"}, noVLANInContainer},
	{"container.iftype", []string{"host.iftype"}, sameIfType},
	{"container.memif.role", []string{"host.memif.role"}, otherRole},
	{"container.memif.mode", []string{"host.memif.mode"}, sameMode},
	{"host.memif.socketOwner", aFilesMakers, permissionsOfFile(func(m Memif) string { return m.SocketOwner })},
	{"host.memif.socketGroup", aFilesMakers, permissionsOfFile(func(m Memif) string { return m.SocketGroup })},
	{"host.memif.socketMode", aFilesMakers, permissionsOfFile(func(m Memif) string { return m.SocketMode })},
	{"container.memif.socketType", []string{"host.memif.socketType"}, sameSocketType},
	{"container.memif.secret", []string{"host.memif.secret"}, sameSecret},
	{"container.memif.socketfile", []string{"host.memif.socketfile"}, sameSocketFile},
	{"host.netType", []string{"host.iftype"}, vclIsRouted},
	{"container.netType", []string{"host.iftype"}, vclIsRoutedInContainer},
	{"ipam.type", []string{"host.iftype"}, vclHasAddresses},
	{"ipam.type", nil, noLease},
	{"host.rxMode", []string{"host.iftype"}, vclHasNoQueues},
	{"host.antiSpoof", []string{"host.netType"}, antiSpoofIsRouted},
	{"host.vcl.socketName", []string{"host.vcl.socketType"}, bareVCLSocket},
	{"host.vcl.socketOwner", []string{"host.vcl.socketType"}, permissionsOfVCLFile(func(v VCL) string { return v.SocketOwner })},
	{"host.vcl.socketGroup", []string{"host.vcl.socketType"}, permissionsOfVCLFile(func(v VCL) string { return v.SocketGroup })},
	{"host.vcl.socketMode", []string{"host.vcl.socketType"}, permissionsOfVCLFile(func(v VCL) string { return v.SocketMode })},
	{"host.vcl.scopes", nil, noScopeTwice(func(c *NetConf) Side { return c.Host })},
	{"container.vcl.scopes", nil, noScopeTwice(func(c *NetConf) Side { return c.Container })},
	{"container.vhost.mode", []string{"host.vhost.mode", "host.iftype"}, otherMode},
	{"container.vhost.socketfile", []string{"host.vhost.socketfile", "host.iftype"}, sameVhostSocketFile},
}

// aFilesMakers say whether the host makes a socket that is a file.
var aFilesMakers = []string{"host.memif.role", "host.memif.socketType"}

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
		if raw, ok := r.Given[a.field]; ok && e.Value == "" && string(raw) != `""` {
			e.Value = fields.Shown(a.field, raw)
		}
		r.Fault(e)
	}
}

func oneDomain(c *NetConf) *Error { return sameDomain(c.Host.Bridge) }

func oneDomainInContainer(c *NetConf) *Error { return sameDomain(containerBridge(c)) }

func sameDomain(b *Bridge) *Error {
	if b == nil || b.BridgeName == "" || b.BridgeID == 0 || b.number() == uint32(b.BridgeID) {
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

func noIPInContainerBridge(c *NetConf) *Error {
	if c.Container.NetType != NetTypeBridge || memif(c.Host).Mode != ModeIP {
		return nil
	}
	return &Error{Problem: "is not allowed with memif mode \"ip\" (a bridge carries Ethernet frames)", Allowed: `"interface", "none"`}
}

func tableIsRouted(c *NetConf) *Error {
	if c.Host.VRF == 0 || c.Host.NetType == NetTypeInterface || c.Host.NetType == "" {
		return nil
	}
	return &Error{Problem: fmt.Sprintf("is not allowed with netType %q (only a routed network is in a table)", c.Host.NetType), Allowed: "left out, or netType \"interface\""}
}

// numberInContainer: there is nobody in the container who keeps the ids of
// named domains.
func numberInContainer(c *NetConf) *Error {
	if b := containerBridge(c); b == nil || b.BridgeName == "" || b.number() != 0 {
		return nil
	}
	return &Error{Problem: "is not allowed (bridge domains in the container have numbers)", Allowed: domainRange + " as a string, or left out"}
}

func noVLANInContainer(c *NetConf) *Error {
	if b := containerBridge(c); b == nil || b.VlanID == 0 {
		return nil
	}
	return &Error{Problem: "is not allowed (VLANs are the host's)", Allowed: "0, or left out"}
}

// containerBridge is the block where it means anything: definitions for Open
// vSwitch carry one beside another netType.
func containerBridge(c *NetConf) *Bridge {
	if c.Container.NetType != NetTypeBridge {
		return nil
	}
	return c.Container.Bridge
}

func sameIfType(c *NetConf) *Error {
	return same(c.Host.IfType, c.Container.IfType)
}

func sameMode(c *NetConf) *Error {
	return same(memif(c.Host).Mode, memif(c.Container).Mode)
}

func sameSocketType(c *NetConf) *Error {
	return same(memif(c.Host).SocketType, memif(c.Container).SocketType)
}

// permissionsOfFile: a definition that asks for permissions must not be left
// with a socket that has none, or others.
func permissionsOfFile(value func(Memif) string) func(*NetConf) *Error {
	return func(c *NetConf) *Error {
		m := memif(c.Host)
		switch {
		case value(m) == "":
		case m.SocketType == SocketTypeAbstract:
			return &Error{Problem: "is not allowed with socketType \"abstract\" (an abstract socket has no permissions)", Allowed: "left out"}
		case m.Role == RoleSlave:
			return &Error{Problem: "is not allowed with role \"slave\" (the pod makes the socket)", Allowed: "left out"}
		}
		return nil
	}
}

func sameSocketFile(c *NetConf) *Error {
	return sameFile(memif(c.Host).SocketFile, memif(c.Container).SocketFile, "host.memif.socketfile")
}

// sameVhostSocketFile: beside a memif the block means nothing.
func sameVhostSocketFile(c *NetConf) *Error {
	if c.Host.IfType != IfTypeVhostUser {
		return nil
	}
	return sameFile(vhost(c.Host).SocketFile, vhost(c.Container).SocketFile, "host.vhost.socketfile")
}

func sameFile(host, container, field string) *Error {
	if host == "" && container != "" {
		return &Error{Problem: "is not allowed without " + field, Allowed: "left out"}
	}
	return same(host, container)
}

// vclIsRouted: the addresses are VPP's own, and what has none is nowhere.
func vclIsRouted(c *NetConf) *Error {
	if c.Host.IfType != IfTypeVCL || c.Host.NetType == NetTypeInterface || c.Host.NetType == "" {
		return nil
	}
	return &Error{Problem: "is not allowed with iftype \"vcl\" (VPP itself has the pod's addresses)", Allowed: strconv.Quote(NetTypeInterface)}
}

func vclIsRoutedInContainer(c *NetConf) *Error {
	if c.Host.IfType != IfTypeVCL || c.Container.NetType == NetTypeInterface || c.Container.NetType == "" {
		return nil
	}
	return &Error{Problem: "is not allowed with iftype \"vcl\" (the pod has addresses, and no interface for them)", Allowed: "left out, or " + strconv.Quote(NetTypeInterface)}
}

func vclHasAddresses(c *NetConf) *Error {
	if c.Host.IfType != IfTypeVCL || c.anyPod || c.hasAddresses() {
		return nil
	}
	return &Error{
		Problem: "missing, and host.iftype is \"vcl\": the pod's sockets would have no address",
		Allowed: "the name of an IPAM plugin; or left out, where the pod asks for addresses with a prefix length",
	}
}

// noLease: containernetworking's dhcp asks over the pod's interface, which it looks
// for in the pod's network namespace (AcquireLease in its lease.go).
func noLease(c *NetConf) *Error {
	if c.IPAM.Type != "dhcp" {
		return nil
	}
	return &Error{
		Problem: "is not allowed (it asks over an interface of the pod's kernel, which an endpoint in user space isn't)",
		Allowed: "the name of another IPAM plugin, such as \"host-local\", \"static\" or \"whereabouts\"",
	}
}

func vclHasNoQueues(c *NetConf) *Error {
	if c.Host.IfType != IfTypeVCL || c.Host.RxMode == "" {
		return nil
	}
	return &Error{Problem: "is not allowed with iftype \"vcl\" (there is no interface that packets come in by)", Allowed: "left out"}
}

func antiSpoofIsRouted(c *NetConf) *Error {
	if !c.Host.AntiSpoof || c.Host.NetType == NetTypeInterface || c.Host.NetType == "" {
		return nil
	}
	return &Error{Problem: fmt.Sprintf("is not allowed with netType %q (it goes by the routes to the pod)", c.Host.NetType), Allowed: "left out, false, or netType \"interface\""}
}

// bareVCLSocket: a file stays in its directory.
func bareVCLSocket(c *NetConf) *Error {
	v := vcl(c.Host)
	if c.Host.IfType != IfTypeVCL || v.SocketType != SocketTypeFile || v.SocketName == "" || socketFile().OK(v.SocketName) {
		return nil
	}
	return &Error{Problem: "is not allowed with socketType \"file\"", Allowed: socketFile().Allowed}
}

func permissionsOfVCLFile(value func(VCL) string) func(*NetConf) *Error {
	return func(c *NetConf) *Error {
		if v := vcl(c.Host); c.Host.IfType == IfTypeVCL && value(v) != "" && v.SocketType == SocketTypeAbstract {
			return &Error{Problem: "is not allowed with socketType \"abstract\", the default (an abstract socket has no permissions)", Allowed: "left out, or socketType \"file\""}
		}
		return nil
	}
}

func noScopeTwice(side func(*NetConf) Side) func(*NetConf) *Error {
	return func(c *NetConf) *Error {
		known := slices.Sorted(slices.Values(vcl(side(c)).Scopes))
		known = slices.DeleteFunc(known, func(scope string) bool { return scope == "" }) // has a fault already
		if len(slices.Compact(slices.Clone(known))) == len(known) {
			return nil
		}
		return &Error{Problem: "names one twice", Allowed: scopesText}
	}
}

func otherMode(c *NetConf) *Error {
	host := vhost(c.Host).Mode
	if c.Host.IfType != IfTypeVhostUser || vhost(c.Container).Mode != host || host == "" {
		return nil
	}
	return &Error{Problem: fmt.Sprintf("is not allowed (host.vhost.mode is %q too)", host), Allowed: strconv.Quote(opposite(host))}
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

func vhost(s Side) Vhost {
	if s.Vhost == nil {
		return Vhost{}
	}
	return *s.Vhost
}

func vcl(s Side) VCL {
	if s.VCL == nil {
		return VCL{}
	}
	return *s.VCL
}

func memif(s Side) Memif {
	if s.Memif == nil {
		return Memif{}
	}
	return *s.Memif
}
