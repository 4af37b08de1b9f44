package vcl

import (
	"context"
	"fmt"
	"strings"

	"github.com/userspace-cni/userspace-cni/cnivpp/vpp"
)

// State is an observed Endpoint.
type State struct {
	Endpoint
	// Created tells whether the loopback exists.
	Created bool `json:"created"`
	// Differs says what the existing loopback has otherwise than described.
	Differs string `json:"differs,omitempty"`
}

// Observe implements vpp.Part.
func (e Endpoint) Observe(_ context.Context, _ *vpp.Session, iface *vpp.Interface, _ vpp.Goal) (vpp.Observation, error) {
	state := State{Endpoint: e, Created: iface != nil}
	if iface != nil && iface.MAC != e.MAC {
		state.Differs = "mac is " + iface.MAC
	}
	return state, nil
}

// Nothing implements vpp.Part.
func (e Endpoint) Nothing() vpp.Observation { return State{Endpoint: e} }

// Plan implements vpp.Observation.
func (s State) Plan(goal vpp.Goal) vpp.Plan {
	switch {
	case goal == vpp.Absence && s.Created:
		return vpp.Plan{vpp.DeleteInterface(s.Interface(), s.Differs, vpp.DeleteLoopback)}
	case goal == vpp.Existence && !s.Created:
		return vpp.Plan{createInterface{s.Endpoint}}
	}
	return nil
}

// MustRenew tells whether the existing loopback is not as described.
func (s State) MustRenew() bool { return s.Created && s.Differs != "" }

// Owns tells whether a loopback without a tag is the endpoint's: it has the MAC
// address that nobody else would give it.
func (e Endpoint) Owns(ctx context.Context, s *vpp.Session) (bool, error) {
	found, err := s.Interface(ctx, e.Interface())
	return found != nil && found.MAC == e.MAC, err
}

// Find describes an existing loopback as far as removing it needs it, or returns
// nil when it isn't one that has a tag.
func Find(_ context.Context, _ *vpp.Session, iface vpp.Interface) (*Endpoint, error) {
	var instance uint32
	if _, err := fmt.Sscanf(iface.Name, "loop%d", &instance); err != nil || iface.Tag == "" {
		return nil, nil
	}
	return &Endpoint{Instance: instance, MAC: iface.MAC, Tag: iface.Tag}, nil
}

// Table is beyond the numbers that people give to tables.
func (e Endpoint) Table() uint32 { return 1<<31 + e.Instance }

// Needs are the parts that come before the loopback.
func (Endpoint) Needs() []vpp.Part { return []vpp.Part{vpp.SessionLayer{}} }

// Serves are the parts that come when the loopback has its table and addresses:
// VPP looks at both when it makes the namespace.
func (e Endpoint) Serves() []vpp.Part { return []vpp.Part{e.namespace()} }

func (e Endpoint) namespace() Namespace {
	return Namespace{Key: e.Tag[strings.LastIndexByte(e.Tag, ':')+1:], Interface: e.Interface(), Socket: e.Socket}
}
