package memif

import (
	"context"
	"fmt"

	vppmemif "go.fd.io/govpp/binapi/memif"

	"github.com/userspace-cni/userspace-cni/cnivpp/vpp"
)

// State is an observed Endpoint.
type State struct {
	Endpoint
	// Socket is the filename that the socket id stands for; empty: none.
	Socket string `json:"socket,omitempty"`
	// Created tells whether the interface exists.
	Created bool `json:"created"`
	// Differs says what the existing interface has otherwise than described.
	Differs string `json:"differs,omitempty"`
}

// Observe implements vpp.Part. When the goal is absence and our interface is
// there, its socket id must be ours, and nothing is dumped.
func (e Endpoint) Observe(ctx context.Context, s *vpp.Session, iface *vpp.Interface, goal vpp.Goal) (vpp.Observation, error) {
	state := State{Endpoint: e, Created: iface != nil}
	if goal == vpp.Absence && iface != nil {
		state.Socket = e.Filename
		return state, nil
	}
	var err error
	if state.Socket, err = socketFilename(ctx, s, e.SocketID); err != nil {
		return nil, err
	}
	if goal == vpp.Existence && iface != nil {
		state.Differs, err = e.differs(ctx, s, *iface)
	}
	return state, err
}

// Nothing implements vpp.Part.
func (e Endpoint) Nothing() vpp.Observation { return State{Endpoint: e} }

// Plan implements vpp.Observation.
func (s State) Plan(goal vpp.Goal) vpp.Plan {
	var plan vpp.Plan
	if goal == vpp.Absence {
		if s.Created {
			plan = append(plan, vpp.DeleteInterface(s.Interface(), s.Differs, remove))
		}
		if s.isDumpOf(s.Socket) {
			plan = append(plan, deleteSocket{s.SocketID, s.Filename})
		}
		return plan
	}
	if !s.isDumpOf(s.Socket) {
		plan = append(plan, createSocket{s.SocketID, s.Filename})
	}
	if !s.Created {
		plan = append(plan, createInterface{s.Endpoint})
	}
	return plan
}

// MustRenew tells whether the existing interface has a setting that VPP can't
// change: it has to be made anew, with everything that hangs on it.
func (s State) MustRenew() bool { return s.Created && s.Differs != "" }

// Owns tells whether an interface with our name but without any tag is ours,
// made by a call that was killed before it could tag it: it is on our socket.
func (e Endpoint) Owns(ctx context.Context, s *vpp.Session) (bool, error) {
	filename, err := socketFilename(ctx, s, e.SocketID)
	return e.isDumpOf(filename), err
}

// Find describes an existing interface as far as removing it needs it, or
// returns nil when it isn't a memif.
func Find(ctx context.Context, s *vpp.Session, iface vpp.Interface) (*Endpoint, error) {
	seen, err := details(ctx, s, iface.Index)
	if err != nil || seen == nil {
		return nil, err
	}
	filename, err := socketFilename(ctx, s, seen.SocketID)
	return &Endpoint{SocketID: seen.SocketID, Filename: filename}, err
}

// differs names the first setting of the existing interface that isn't as
// described. The queue counts and the secret aren't in VPP's dump, and its ring
// and buffer sizes are what the two ends agreed on, 1 and 0 before they have
// (send_memif_details in src/plugins/memif/memif_api.c).
func (e Endpoint) differs(ctx context.Context, s *vpp.Session, iface vpp.Interface) (string, error) {
	if e.MAC != "" && e.MAC != iface.MAC {
		return "mac is " + iface.MAC, nil
	}
	want, err := e.message()
	if err != nil {
		return "", err
	}
	seen, err := details(ctx, s, iface.Index)
	switch {
	case err != nil:
		return "", err
	case seen == nil:
		return "is not a memif", nil
	}
	return difference(want, seen), nil
}

func difference(want *vppmemif.MemifCreateV2, seen *vppmemif.MemifDetails) string {
	switch {
	case want.Role != seen.Role:
		return fmt.Sprintf("role is %d", seen.Role)
	case want.Mode != seen.Mode:
		return fmt.Sprintf("mode is %d", seen.Mode)
	case want.SocketID != seen.SocketID:
		return fmt.Sprintf("socket id is %d", seen.SocketID)
	}
	return ""
}
