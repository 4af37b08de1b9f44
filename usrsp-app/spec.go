package usrspapp

import (
	"fmt"
	"path/filepath"
	"slices"

	"github.com/userspace-cni/userspace-cni/cnivpp"
	"github.com/userspace-cni/userspace-cni/cnivpp/vpp"
	"github.com/userspace-cni/userspace-cni/pkg/netconf"
	"github.com/userspace-cni/userspace-cni/pkg/shareddir"
)

// tagPrefix begins the tag of every interface that the app makes.
const tagPrefix = "userspace-cni:"

// spec describes what an entry asks for.
func (a *App) spec(entry numbered) (cnivpp.Spec, error) {
	side := entry.Config
	if side.NetType != netconf.NetTypeInterface && side.NetType != netconf.NetTypeNone {
		return cnivpp.Spec{}, fmt.Errorf("netType %q of the container's side is not supported yet; allowed: %q, %q",
			side.NetType, netconf.NetTypeInterface, netconf.NetTypeNone)
	}
	socket, err := a.socket(side)
	if err != nil {
		return cnivpp.Spec{}, err
	}
	spec, err := cnivpp.NewSpec(side, vpp.Identity{
		Tag: tagPrefix + entry.Attachment().Key(), Number: entry.number, Socket: socket,
	})
	if err != nil || side.NetType == netconf.NetTypeNone {
		return spec, err
	}
	for _, ip := range entry.IPResult.IPs {
		if !slices.Contains(spec.Addresses, ip.Address) {
			spec.Addresses = append(spec.Addresses, ip.Address)
		}
	}
	spec.Routes = entry.routes
	return spec, nil
}

// socket is where the container's VPP finds the endpoint's socket. A path that
// is too long goes through a link beside VPP's API socket, which VPP sees.
func (a *App) socket(side netconf.Side) (string, error) {
	if side.Memif == nil {
		return "", fmt.Errorf("iftype %q is not supported yet; allowed: %q", side.IfType, netconf.IfTypeMemif)
	}
	name := side.Memif.SocketFile
	if name == "" || name == ".." || name != filepath.Base(name) {
		return "", fmt.Errorf("socketfile %q is not allowed; allowed: a file name without a path", name)
	}
	dir := shareddir.At(a.SharedDir, filepath.Dir(a.VPPAPISocket), name)
	if err := dir.EnsureLink(); err != nil {
		return "", err
	}
	return dir.Socket(name), nil
}
