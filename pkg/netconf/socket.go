package netconf

import (
	"io/fs"
	"net/netip"
	"strconv"
)

// Socket is where the two ends of an endpoint meet, whatever its kind: the rest
// of the program asks a side for it, and needs to know no kind.
type Socket struct {
	// Name is the file's in the shared directory, or an abstract one; empty: the
	// plugin makes one.
	Name string
	// Preferred is the abstract name that the pod's programs know, which only one of
	// its networks can have; empty: none does.
	Preferred string
	// Abstract sockets are in the pod's network namespace and have no file.
	Abstract bool
	// Listens tells whether this side makes the socket.
	Listens bool
	// Owner and Group are names or numbers, Mode four octal digits; empty: the
	// plugin finds out.
	Owner, Group, Mode string
	// OwnerField and GroupField are what the fields are called.
	OwnerField, GroupField string
	// Secret tells whether the two ends have one.
	Secret bool
}

// Permissions is what Mode says; ok is false where it says nothing.
func (s Socket) Permissions() (mode fs.FileMode, ok bool) {
	n, err := strconv.ParseUint(s.Mode, 8, 12)
	return fs.FileMode(n) & fs.ModePerm, err == nil
}

// vclSessionSocket is the abstract socket that other CNI plugins give to VCL.
const vclSessionSocket = "vpp/session"

// Socket is the one of the side's endpoint.
func (s Side) Socket() Socket {
	switch { // DEL may have both blocks before it
	case s.Memif != nil && s.IfType != IfTypeVhostUser && s.IfType != IfTypeVCL:
		m := s.Memif
		return Socket{
			Name: m.SocketFile, Abstract: m.SocketType == SocketTypeAbstract, Listens: m.Role == RoleMaster,
			Owner: m.SocketOwner, Group: m.SocketGroup, Mode: m.SocketMode, Secret: m.Secret != "",
			OwnerField: "memif.socketOwner", GroupField: "memif.socketGroup",
		}
	case s.IfType == IfTypeVCL: // what DEL reads may have no block
		v := vcl(s)
		socket := Socket{
			Name: v.SocketName, Abstract: v.SocketType != SocketTypeFile, Listens: true,
			Owner: v.SocketOwner, Group: v.SocketGroup, Mode: v.SocketMode,
			OwnerField: "vcl.socketOwner", GroupField: "vcl.socketGroup",
		}
		if socket.Abstract {
			socket.Preferred = vclSessionSocket
		}
		return socket
	case s.Vhost != nil:
		v := s.Vhost
		return Socket{
			Name: v.SocketFile, Listens: v.Mode == VhostServer, Owner: v.SocketOwner, Group: v.Group, Mode: v.SocketMode,
			OwnerField: "vhost.socketOwner", GroupField: "vhost.group",
		}
	}
	return Socket{}
}

// WithSocket is the side with that name for its socket.
func (s Side) WithSocket(name string) Side {
	if s.Memif != nil {
		memif := *s.Memif
		memif.SocketFile = name
		s.Memif = &memif
	}
	if s.Vhost != nil {
		vhost := *s.Vhost
		vhost.SocketFile = name
		s.Vhost = &vhost
	}
	if s.VCL != nil {
		vcl := *s.VCL
		vcl.SocketName = name
		s.VCL = &vcl
	}
	return s
}

// WithHost is the side with the pod's addresses and the release of the host's VPP,
// where its endpoint is nothing but a host of that VPP.
func (s Side) WithHost(addresses []netip.Addr, release string) Side {
	if s.VCL != nil {
		vcl := *s.VCL
		vcl.Addresses, vcl.VPPRelease = addresses, release
		s.VCL = &vcl
	}
	return s
}

// WithoutSecret is the side as everybody may see it.
func (s Side) WithoutSecret() Side {
	if s.Memif != nil {
		memif := *s.Memif
		memif.Secret = ""
		s.Memif = &memif
	}
	return s
}

// WithSecretOf is the side with the other's secret where it has none: who got
// both from the same pod knows it from one of them.
func (s Side) WithSecretOf(other Side) Side {
	if s.Memif != nil && other.Memif != nil && s.Memif.Secret == "" {
		memif := *s.Memif
		memif.Secret = other.Memif.Secret
		s.Memif = &memif
	}
	return s
}

// CutsThrough tells whether the endpoint's applications meet those of other endpoints
// inside of VPP.
func (s Side) CutsThrough() bool { return s.VCL != nil && s.VCL.CutThrough }

// CarriesIP tells whether the endpoint carries packets without Ethernet: there
// is neither ARP nor ND.
func (s Side) CarriesIP() bool { return s.Memif != nil && s.Memif.Mode == ModeIP }
