package usrspapp

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"

	"github.com/userspace-cni/userspace-cni/cnivpp"
	"github.com/userspace-cni/userspace-cni/cnivpp/vpp"
	"github.com/userspace-cni/userspace-cni/pkg/contract"
	"github.com/userspace-cni/userspace-cni/pkg/netconf"
	"github.com/userspace-cni/userspace-cni/pkg/shareddir"
)

// spec describes what an entry asks for, with the number of its interface and
// the routes that it gets.
func (a *App) spec(entry contract.Entry, number uint32, routes []vpp.Route) (cnivpp.Spec, error) {
	if err := cnivpp.Supports(entry.Config.IfType); err != nil {
		return cnivpp.Spec{}, err
	}
	socket, err := a.socket(entry.Config)
	if err != nil {
		return cnivpp.Spec{}, err
	}
	id := vpp.Identity{Tag: tagOf(entry), Number: number, Socket: socket}
	var spec cnivpp.Spec
	switch entry.Config.NetType {
	case netconf.NetTypeNone:
		return cnivpp.NewSpec(entry.Config, id)
	case netconf.NetTypeInterface:
		spec, err = cnivpp.NewSpec(entry.Config, id)
	case netconf.NetTypeBridge:
		spec, err = bridgeSpec(entry.Config, id)
	default:
		return cnivpp.Spec{}, fmt.Errorf("netType %q of the container's side is not allowed; allowed: %q, %q, %q",
			entry.Config.NetType, netconf.NetTypeInterface, netconf.NetTypeBridge, netconf.NetTypeNone)
	}
	spec.Addresses, spec.Routes = addresses(entry), routes
	return spec, err
}

// bridgeSpec puts the interface into a bridge domain of the container's VPP,
// which is the host that has the addresses, and the MAC.
func bridgeSpec(side netconf.Side, id vpp.Identity) (cnivpp.Spec, error) {
	mac := side.MAC
	side.MAC = ""
	spec, err := cnivpp.NewSpec(side, id)
	domain := id.Number
	if side.Bridge != nil && side.Bridge.Domain() != 0 {
		domain = side.Bridge.Domain()
	}
	spec.Domain = &vpp.Domain{ID: domain, Tag: id.Tag}
	spec.BVI = &vpp.BVI{Instance: id.Number, Domain: domain, MAC: mac, Tag: id.Tag}
	return spec, err
}

// addresses are the entry's, each once; in a routed network each stands for
// itself alone.
func addresses(entry contract.Entry) []netip.Prefix {
	var all []netip.Prefix
	for _, ip := range entry.IPResult.IPs {
		address := ip.Address
		if entry.Routed {
			address = netip.PrefixFrom(address.Addr(), address.Addr().BitLen())
		}
		if !slices.Contains(all, address) {
			all = append(all, address)
		}
	}
	return all
}

// socket is where the container's VPP finds the endpoint's socket. A path that
// is too long goes through a link beside VPP's API socket, which VPP sees.
func (a *App) socket(side netconf.Side) (string, error) {
	socket := side.Socket()
	name := socket.Name
	if socket.Abstract {
		return "abstract:" + name, nil
	}
	if name == "" || name == ".." || name != filepath.Base(name) {
		return "", fmt.Errorf("%s.socketfile %q is not allowed; allowed: a file name without a path", side.IfType, name)
	}
	dir := a.dir(name)
	if err := dir.EnsureLink(); err != nil {
		return "", err
	}
	return dir.Socket(name), nil
}

// dir is the shared directory as the container's VPP reaches a socket in it.
func (a *App) dir(socket string) shareddir.Dir {
	return shareddir.At(a.SharedDir, filepath.Dir(a.VPPAPISocket), socket)
}
