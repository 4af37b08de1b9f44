package vppsim

import (
	"maps"
	"slices"

	"go.fd.io/govpp/api"
	interfaces "go.fd.io/govpp/binapi/interface"
	"go.fd.io/govpp/binapi/interface_types"
)

// wantInterfaceEvents subscribes a client, once (pub_sub_handler in
// src/vlibapi/api_helper_macros.h).
func (s *Sim) wantInterfaceEvents(c *client, r *interfaces.WantInterfaceEvents, _ *interfaces.WantInterfaceEventsReply) error {
	enable := r.EnableDisable != 0
	if enable == c.events {
		return api.INVALID_REGISTRATION
	}
	c.events, c.pid = enable, r.PID
	return nil
}

// change is what subscribers are to be told of one interface.
type change struct {
	flags   interface_types.IfStatusFlags
	deleted bool
}

// emit notes what happened. flags are those that have just been set, not the
// interface's state: from an admin-up event nobody can conclude that the link is
// down.
func (s *Sim) emit(i *iface, flags interface_types.IfStatusFlags, deleted bool) {
	c := s.changes[i.index]
	s.changes[i.index] = change{c.flags | flags, c.deleted || deleted}
}

// flush sends one event for each interface that has changed, after the reply to
// the request that did it, as VPP's link_state_process does.
func (s *Sim) flush() {
	for _, index := range slices.Sorted(maps.Keys(s.changes)) {
		event := &interfaces.SwInterfaceEvent{
			SwIfIndex: interface_types.InterfaceIndex(index),
			Flags:     s.changes[index].flags, Deleted: s.changes[index].deleted,
		}
		for _, c := range s.clients {
			if c.events {
				event.PID = c.pid
				c.send(event, 0)
			}
		}
	}
	clear(s.changes)
}
