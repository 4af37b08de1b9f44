package contract

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"unicode"

	"github.com/containernetworking/cni/pkg/utils"

	"github.com/userspace-cni/userspace-cni/pkg/internal/fields"
	"github.com/userspace-cni/userspace-cni/pkg/netconf"
)

// maxSocketName is beyond every name that anybody wrote: the whole path of a
// Unix socket has 108 bytes.
const maxSocketName = 107

// check refuses what no plugin writes. Anybody may have written an entry: its
// names become parts of paths, of tags and of lines in a log.
func (e Entry) check() error {
	switch {
	case e.ContractVersion > Version:
		return fmt.Errorf("contractVersion %d is newer than this program, which reads up to %d: use a newer usrsp-app", e.ContractVersion, Version)
	case e.IfName == "":
		return fmt.Errorf("ifName is missing")
	case e.Name == "":
		return fmt.Errorf("name is missing")
	case utils.ValidateInterfaceName(e.IfName) != nil || !isPrintable(e.IfName):
		return fmt.Errorf("ifName %.64q is not allowed; allowed: at most 15 printable bytes without '/', ':' and space, not \".\" or \"..\"", e.IfName)
	case !fields.IsWord(e.Name):
		return fmt.Errorf("name %.64q is not allowed; allowed: letters, digits, '_', '.' and '-', beginning with a letter or digit", e.Name)
	case e.ContainerID != "" && !fields.IsWord(e.ContainerID):
		return fmt.Errorf("containerId %.64q is not allowed; allowed: letters, digits, '_', '.' and '-', beginning with a letter or digit", e.ContainerID)
	}
	if err := checkSocket(e.Config); err != nil {
		return err
	}
	if v := e.Config.VCL; v != nil {
		if err := checkVCL(*v); err != nil {
			return err
		}
	}
	if b := e.Config.Bridge; b != nil && (b.BridgeID < 0 || b.BridgeID > netconf.MaxBridgeDomain) {
		return fmt.Errorf("bridgeId %d is not allowed; allowed: 1 to %d, or left out", b.BridgeID, netconf.MaxBridgeDomain)
	}
	return e.IPResult.check()
}

// check refuses zones, which an address that goes to VPP can't have.
func (r IPResult) check() error {
	hasZone := slices.ContainsFunc(r.IPs, func(ip IP) bool { return ip.Gateway.Zone() != "" }) ||
		slices.ContainsFunc(r.Routes, func(route Route) bool { return route.GW.Zone() != "" })
	if hasZone {
		return fmt.Errorf("a gateway in ipResult has a zone; allowed: an address alone")
	}
	return nil
}

// checkSocket lets an abstract name of VCL's alone have a '/': it is none of a
// file.
func checkSocket(side netconf.Side) error {
	socket := side.Socket()
	if side.IfType == netconf.IfTypeVCL && side.VCL != nil && socket.Abstract {
		if len(socket.Name) > maxSocketName || !fields.ConsistsOf(socket.Name, "/._-") {
			return fmt.Errorf("vcl.socketName %.64q is not allowed; allowed: at most %d letters, digits and any of '/', '.', '_', '-'", socket.Name, maxSocketName)
		}
		return nil
	}
	if !isBare(socket.Name) {
		return fmt.Errorf("socketfile %.64q is not allowed; allowed: a file name of letters, digits and any of '.', '_', '-', without a path", socket.Name)
	}
	return nil
}

// Sizes of a session's FIFOs that a network's definition may have.
const (
	minFifo = 4096
	maxFifo = 1 << 30
)

// checkVCL keeps out of a vcl.conf what isn't its own.
func checkVCL(v netconf.VCL) error {
	if t := v.SocketType; t != "" && t != netconf.SocketTypeAbstract && t != netconf.SocketTypeFile {
		return fmt.Errorf("vcl.socketType %.64q is not allowed; allowed: %q, %q", t, netconf.SocketTypeAbstract, netconf.SocketTypeFile)
	}
	for _, scope := range v.Scopes {
		if scope != netconf.ScopeLocal && scope != netconf.ScopeGlobal {
			return fmt.Errorf("vcl.scopes: %.64q is not allowed; allowed: %q, %q", scope, netconf.ScopeLocal, netconf.ScopeGlobal)
		}
	}
	for _, size := range []uint32{v.RxFifoSize, v.TxFifoSize} {
		if size != 0 && (size < minFifo || size > maxFifo) {
			return fmt.Errorf("vcl.rxFifoSize or txFifoSize %d is not allowed; allowed: %d to %d bytes, or left out", size, minFifo, maxFifo)
		}
	}
	if slices.ContainsFunc(v.Addresses, func(a netip.Addr) bool { return !a.IsValid() || a.Zone() != "" }) {
		return fmt.Errorf("vcl.addresses has what is no address alone; allowed: addresses without a zone")
	}
	return nil
}

// isBare tells whether a name stays in its directory; the empty one does.
func isBare(name string) bool {
	return len(name) <= maxSocketName && name != "." && name != ".." && fields.ConsistsOf(name, "._-")
}

// isPrintable: U+FFFD stands for bytes that aren't UTF-8, too.
func isPrintable(name string) bool {
	return !strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) || r == unicode.ReplacementChar })
}
