package cnivpp

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.fd.io/govpp/api"

	"github.com/userspace-cni/userspace-cni/cnivpp/memif"
	"github.com/userspace-cni/userspace-cni/cnivpp/vcl"
	"github.com/userspace-cni/userspace-cni/cnivpp/vhostuser"
	"github.com/userspace-cni/userspace-cni/cnivpp/vpp"
	"github.com/userspace-cni/userspace-cni/pkg/netconf"
)

// Endpoint is the part of a spec that depends on the kind: the interface and
// what it needs to exist.
type Endpoint interface {
	vpp.Part
	// Interface is the name that VPP gives the interface.
	Interface() string
	// Owns tells whether an interface of that name without a tag is the
	// endpoint's, made by a call that was killed before it could tag it.
	Owns(ctx context.Context, s *vpp.Session) (bool, error)
	// Peer says what the endpoint is connected to; empty: to nothing.
	Peer(ctx context.Context, s *vpp.Session) (string, error)
	// Messages are those that VPP must have.
	Messages() []api.Message
}

// Host is an endpoint that is the pod as a host of VPP's own: its interface has the
// pod's addresses, and VPP itself answers to them.
type Host interface {
	Endpoint
	// Table is the number of a table that nobody else has.
	Table() uint32
	// Needs are the parts that come before the interface, Serves those that come when
	// it has its table and addresses.
	Needs() []vpp.Part
	Serves() []vpp.Part
}

// kind is a sort of endpoint.
type kind struct {
	// configure makes an endpoint from a validated side of a configuration.
	configure func(netconf.Side, vpp.Identity) (Endpoint, error)
	// decode reads an endpoint from a record.
	decode func(json.RawMessage) (Endpoint, error)
	// find describes an existing interface, or returns nil when it isn't of
	// this kind.
	find func(context.Context, *vpp.Session, vpp.Interface) (Endpoint, error)
	// number is where the search for a free Identity.Number starts.
	number func(key string) uint32
	// messages are those that VPP must have for any endpoint of this kind.
	messages func() []api.Message
	// host tells that its endpoints are a Host.
	host bool
}

// kinds is the registry, by iftype. A new kind is a folder and a line here.
var kinds = map[string]kind{
	netconf.IfTypeMemif:     newKind(memif.Configure, memif.Decode, memif.Find, memif.Number),
	netconf.IfTypeVhostUser: newKind(vhostuser.Configure, vhostuser.Decode, vhostuser.Find, vhostuser.Number),
	netconf.IfTypeVCL:       newKind(vcl.Configure, vcl.Decode, vcl.Find, vcl.Number),
}

func newKind[E Endpoint](
	configure func(netconf.Side, vpp.Identity) (E, error),
	decode func(json.RawMessage) (E, error),
	find func(context.Context, *vpp.Session, vpp.Interface) (*E, error),
	number func(key string) uint32,
) kind {
	var some E
	_, host := any(some).(Host)
	return kind{
		configure: func(side netconf.Side, id vpp.Identity) (Endpoint, error) { return configure(side, id) },
		decode:    func(raw json.RawMessage) (Endpoint, error) { return decode(raw) },
		find: func(ctx context.Context, s *vpp.Session, iface vpp.Interface) (Endpoint, error) {
			found, err := find(ctx, s, iface)
			if found == nil {
				return nil, err
			}
			return *found, err
		},
		number:   number,
		messages: some.Messages,
		host:     host,
	}
}

// isHost tells of an iftype whether its endpoints are a Host.
func isHost(iftype string) bool { return kinds[iftype].host }

// Supports fails when there is no such kind.
func Supports(iftype string) error {
	_, err := kindOf(iftype)
	return err
}

func kindOf(iftype string) (kind, error) {
	k, ok := kinds[iftype]
	if !ok {
		return kind{}, fmt.Errorf("iftype %q is not allowed with engine vpp; allowed: %s",
			iftype, strings.Join(slices.Sorted(maps.Keys(kinds)), ", "))
	}
	return k, nil
}
