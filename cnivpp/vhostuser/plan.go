package vhostuser

import (
	"context"
	"fmt"

	"go.fd.io/govpp/binapi/vhost_user"

	"github.com/userspace-cni/userspace-cni/cnivpp/vpp"
)

// State is an observed Endpoint.
type State struct {
	Endpoint
	// Created tells whether the interface exists.
	Created bool `json:"created"`
	// Differs says what the existing interface has otherwise than described.
	Differs string `json:"differs,omitempty"`
}

// Observe implements vpp.Part. When the goal is absence, nothing is dumped.
func (e Endpoint) Observe(ctx context.Context, s *vpp.Session, iface *vpp.Interface, goal vpp.Goal) (vpp.Observation, error) {
	state := State{Endpoint: e, Created: iface != nil}
	if goal == vpp.Absence || iface == nil {
		return state, nil
	}
	var err error
	state.Differs, err = e.differs(ctx, s, *iface)
	return state, err
}

// Nothing implements vpp.Part.
func (e Endpoint) Nothing() vpp.Observation { return State{Endpoint: e} }

// Plan implements vpp.Observation.
func (s State) Plan(goal vpp.Goal) vpp.Plan {
	switch {
	case goal == vpp.Absence && s.Created:
		return vpp.Plan{vpp.DeleteInterface(s.Interface(), s.Differs, remove)}
	case goal == vpp.Existence && !s.Created:
		return vpp.Plan{createInterface{s.Endpoint}}
	}
	return nil
}

// MustRenew tells whether the existing interface has a setting that VPP can't
// change while a peer is connected.
func (s State) MustRenew() bool { return s.Created && s.Differs != "" }

// Owns implements the endpoint's: an interface without our tag is never ours,
// because it is made with it.
func (e Endpoint) Owns(context.Context, *vpp.Session) (bool, error) { return false, nil }

// Find describes an existing interface as far as removing it needs it, or
// returns nil when it isn't a vhost-user interface.
func Find(ctx context.Context, s *vpp.Session, iface vpp.Interface) (*Endpoint, error) {
	var instance uint32
	if _, err := fmt.Sscanf(iface.Name, "VirtualEthernet0/0/%d", &instance); err != nil {
		return nil, nil
	}
	return &Endpoint{Instance: instance, Tag: iface.Tag}, nil
}

// differs names the first setting of the existing interface that isn't as
// described. What the rings can do isn't in VPP's dump, only what the two ends
// agreed on.
func (e Endpoint) differs(ctx context.Context, s *vpp.Session, iface vpp.Interface) (string, error) {
	if e.MAC != iface.MAC {
		return "mac is " + iface.MAC, nil
	}
	seen, err := details(ctx, s, iface.Index)
	if err != nil {
		return "", err
	}
	return e.difference(seen), nil
}

func (e Endpoint) difference(seen *vhost_user.SwInterfaceVhostUserDetails) string {
	switch {
	case seen == nil:
		return "is not a vhost-user interface"
	case seen.SockFilename != e.Filename:
		return "socket is " + seen.SockFilename
	case seen.IsServer != e.Server:
		return fmt.Sprintf("server is %t", seen.IsServer)
	}
	return ""
}
