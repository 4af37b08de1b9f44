package cnivpp

import (
	"context"
	"errors"
	"maps"
	"net/netip"
	"slices"

	"go.fd.io/govpp/api"

	"github.com/userspace-cni/userspace-cni/cnivpp/vpp"
	"github.com/userspace-cni/userspace-cni/pkg/vppapi"
)

// Examined is what a VPP can do, for people to judge.
type Examined struct {
	// Release is its version text; empty: it doesn't say.
	Release string
	// Process listens on the API socket, unless NoProcess says why it isn't known.
	Process   vppapi.Process
	NoProcess error
	// Missing are messages that some network needs, by the plugin that has them;
	// those of VPP itself under the empty name.
	Missing map[string][]string
	// Session tells whether the session layer is on.
	Session SessionLayer
}

// SessionLayer is the state of VPP's session layer.
type SessionLayer int

// States of the session layer.
const (
	SessionUnknown SessionLayer = iota
	SessionOff
	SessionOn
	// SessionWithoutSockets is on and of no use to VCL endpoints.
	SessionWithoutSockets
)

// Examine looks at the VPP at an API socket and changes nothing.
func Examine(ctx context.Context, socket string) (Examined, error) {
	session, err := vpp.Connect(ctx, socket)
	if err != nil {
		return Examined{}, err
	}
	defer session.Close()
	found := Examined{Missing: missing(session), Session: sessionLayer(ctx, session)}
	found.Process, found.NoProcess = session.Process()
	found.Release, err = session.Release(ctx)
	if errors.Is(err, vppapi.ErrNoAnswer) || errors.Is(err, vppapi.ErrConnectionLost) {
		return Examined{}, err
	}
	return found, nil
}

// missing asks for the messages of every kind of endpoint, one by one.
func missing(session *vpp.Session) map[string][]string {
	lacks := map[string][]string{}
	for _, message := range everyMessage() {
		unknown := new(vppapi.UnknownMessageError)
		if errors.As(session.Supports(message), &unknown) {
			plugin := pluginOf(unknown.Message)
			lacks[plugin] = append(lacks[plugin], unknown.Message)
		}
	}
	for plugin, names := range lacks {
		slices.Sort(names)
		lacks[plugin] = slices.Compact(names)
	}
	return lacks
}

// everyMessage are those that any network may need.
func everyMessage() []api.Message {
	var all []api.Message
	for _, iftype := range slices.Sorted(maps.Keys(kinds)) {
		all = append(all, kinds[iftype].messages()...)
	}
	return append(all, Spec{
		MTU: 1, Domain: &vpp.Domain{Uplink: "some", VLAN: 1}, Gateway: &vpp.Gateway{},
		Addresses: make([]netip.Prefix, 1), Routes: make([]vpp.Route, 1),
	}.common()...)
}

func sessionLayer(ctx context.Context, session *vpp.Session) SessionLayer {
	seen, err := (vpp.SessionLayer{}).Look(ctx, session)
	switch {
	case errors.Is(err, vpp.ErrNoSocketAPI):
		return SessionWithoutSockets
	case err != nil:
		return SessionUnknown
	case seen.(vpp.SessionLayerState).On:
		return SessionOn
	}
	return SessionOff
}
