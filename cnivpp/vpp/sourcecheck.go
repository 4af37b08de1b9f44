package vpp

import (
	"context"
	"fmt"
	"strings"

	"go.fd.io/govpp/binapi/ip_types"
	"go.fd.io/govpp/binapi/urpf"
)

// SourceCheck drops what comes in by an endpoint's interface from an address that is
// not behind it: strict unicast reverse-path forwarding, by the routes in the
// interface's table.
type SourceCheck struct {
	Interface string `json:"interface"`
}

var _ Part = SourceCheck{}

// SourceCheckState is an observed SourceCheck.
type SourceCheckState struct {
	SourceCheck
	// Created tells whether the interface exists, V4 and V6 in which families its
	// packets are checked.
	Created bool `json:"created,omitempty"`
	V4      bool `json:"v4,omitempty"`
	V6      bool `json:"v6,omitempty"`
}

// Observe implements Part. It goes by the features that are at work: what VPP's
// plugin says was asked for outlives an interface.
func (c SourceCheck) Observe(ctx context.Context, s *Session, iface *Interface, goal Goal) (Observation, error) {
	state := SourceCheckState{SourceCheck: c, Created: iface != nil}
	if iface == nil || goal == Absence {
		return state, nil
	}
	features, err := s.CLI(ctx, "show interface features "+c.Interface)
	state.V4 = strings.Contains(features, "ip4-rx-urpf-strict")
	state.V6 = strings.Contains(features, "ip6-rx-urpf-strict")
	return state, err
}

// Nothing implements Part.
func (c SourceCheck) Nothing() Observation { return SourceCheckState{SourceCheck: c} }

// Plan implements Observation. The plugin keeps what it was asked for by the index,
// which the next interface gets: there it would take the same request for done
// (urpf_update in src/plugins/urpf/urpf.c). So it is told when the interface goes.
func (o SourceCheckState) Plan(goal Goal) Plan {
	switch {
	case goal == Absence && o.Created:
		return Plan{checkSources{o.Interface, false}}
	case goal == Existence && (!o.V4 || !o.V6):
		return Plan{checkSources{o.Interface, true}}
	}
	return nil
}

type checkSources struct {
	name string
	on   bool
}

func (s checkSources) String() string {
	if s.on {
		return "check the sources of packets from " + s.name
	}
	return "stop checking the sources of packets from " + s.name
}

// ownTable makes the plugin go by the table that the interface is in. The first
// version of the message goes by table 0 whatever that is.
const ownTable = ^uint32(0)

// Apply turns it off first in any case, for an index whose last interface was deleted
// by somebody else.
func (s checkSources) Apply(ctx context.Context, session *Session) error {
	index, err := session.Index(ctx, s.name)
	if err != nil {
		return err
	}
	modes := []urpf.UrpfMode{urpf.URPF_API_MODE_OFF}
	if s.on {
		modes = append(modes, urpf.URPF_API_MODE_STRICT)
	}
	client := urpf.NewServiceClient(session.conn)
	for _, family := range []ip_types.AddressFamily{ip_types.ADDRESS_IP4, ip_types.ADDRESS_IP6} {
		for _, mode := range modes {
			_, err := client.UrpfUpdateV2(ctx, &urpf.UrpfUpdateV2{IsInput: true, Mode: mode, Af: family, SwIfIndex: index, TableID: ownTable})
			if err != nil {
				return fmt.Errorf("%s, mode %d: %w", family, mode, err)
			}
		}
	}
	return nil
}
