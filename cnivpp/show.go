package cnivpp

import (
	"context"
	"net/netip"

	"github.com/userspace-cni/userspace-cni/cnivpp/vpp"
)

// Shown is one interface of a VPP, for people to look at.
type Shown struct {
	vpp.Interface
	Addresses []netip.Prefix `json:"addresses"`
	// Peer is what the endpoint is connected to; empty: to nothing.
	Peer string `json:"peer,omitempty"`
}

// Show lists the interfaces of the VPP at an API socket, without local0, which
// every VPP has and nobody uses.
func Show(ctx context.Context, socket string) ([]Shown, error) {
	session, err := vpp.Connect(ctx, socket)
	if err != nil {
		return nil, err
	}
	defer session.Close()
	interfaces, err := session.Interfaces(ctx)
	if err != nil {
		return nil, err
	}
	all := []Shown{}
	for _, iface := range interfaces {
		if iface.Index == 0 {
			continue
		}
		shown, err := show(ctx, session, iface)
		if err != nil {
			return nil, err
		}
		all = append(all, shown)
	}
	return all, nil
}

func show(ctx context.Context, session *vpp.Session, iface vpp.Interface) (Shown, error) {
	shown := Shown{Interface: iface}
	var err error
	if shown.Addresses, err = session.Addresses(ctx, iface.Index); err != nil {
		return shown, err
	}
	for _, k := range kinds {
		endpoint, err := k.find(ctx, session, iface)
		if err != nil {
			return shown, err
		}
		if endpoint != nil {
			shown.Peer, err = endpoint.Peer(ctx, session)
			return shown, err
		}
	}
	return shown, nil
}
