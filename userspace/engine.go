package userspace

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"

	"github.com/userspace-cni/userspace-cni/cnivpp"
	"github.com/userspace-cni/userspace-cni/cnivpp/vpp"
	"github.com/userspace-cni/userspace-cni/pkg/netconf"
)

// Engine is a host vswitch that endpoints are made on. What it makes is
// described by a spec that only the engine itself reads; the record keeps it.
type Engine interface {
	Looker
	// Number is where the search for a number that is free for the attachment
	// with this key starts (see Identity).
	Number(iftype, key string) (uint32, error)
	// Shared lists the names of what the attachment shares with others and needs
	// a number for; with a result of IPAM they may be more.
	Shared(w Wanted) []SharedName
	// Describe makes the spec of the host's side, without any I/O.
	Describe(w Wanted) (json.RawMessage, error)
	// Create makes what the spec describes. Fresh says that nothing of it exists,
	// and that what it shares is as its makers left it: then little is looked at.
	// It fails with a numberTakenError when one of our numbers is in use there.
	// What it has made when it fails stays.
	Create(ctx context.Context, spec json.RawMessage, fresh bool) error
	// Check returns the steps that lead from what there is to the spec, one a
	// line; none when the endpoint is intact.
	Check(ctx context.Context, spec json.RawMessage) (string, error)
	// Adjust returns the steps of Check but those that concern how the endpoint
	// works and not whether it does. Where there are no others, it tries these.
	Adjust(ctx context.Context, spec json.RawMessage) (string, error)
	// Remove leaves nothing of the spec.
	Remove(ctx context.Context, spec json.RawMessage) error
	// RemoveTagged leaves nothing that bears the tag, for an attachment whose
	// record is lost.
	RemoveTagged(ctx context.Context, tag string) error
	// Keep connects for as long as the vswitch runs.
	Keep(ctx context.Context) (Keeper, error)
}

// Identity is what the plugin calls an endpoint on the vswitch. All of it is of
// our choosing and in the record before anything is made.
type Identity struct {
	Tag    string
	Number uint32
	Socket string
	MAC    string
}

// tagPrefix begins the tag of every interface that the plugin makes.
const tagPrefix = cnivpp.TagPrefix

// Wanted is what the host's side shall be.
type Wanted struct {
	Side netconf.Side
	Identity
	// Numbers are those of the shared names, by kind.
	Numbers map[string]uint32
	// Addresses and Gateways are the pod's; none before IPAM has answered.
	Addresses, Gateways []netip.Addr
}

// SharedName is the name of something that attachments share.
type SharedName struct {
	// Kind is kindDomain or kindLoopback.
	Kind string
	Name string
	// Start is where the search for its number starts, Last the highest allowed.
	Start, Last uint32
}

// Kinds of what is shared and has a number.
const (
	kindDomain   = "bridge-domain"
	kindLoopback = "loopback"
)

// numberTakenError says that one of our numbers is somebody else's on the
// vswitch.
type numberTakenError struct {
	// kind is that of the shared name; empty: the attachment's own number.
	kind string
	err  error
}

func (e *numberTakenError) Error() string { return e.err.Error() }
func (e *numberTakenError) Unwrap() error { return e.err }

// newEngine makes an engine that talks to the vswitch at an API socket.
type newEngine func(socket string, locks cnivpp.Locker, log *slog.Logger) Engine

// engines is the registry, by the configuration's engine. A new engine is one
// line here.
var engines = map[string]newEngine{
	netconf.EngineVPP: newVPP,
}

func newVPP(socket string, locks cnivpp.Locker, log *slog.Logger) Engine {
	return vppEngine{&cnivpp.Engine{Socket: socket, Locks: locks, Log: log}}
}

// vppEngine is cnivpp's engine as the plugin sees one.
type vppEngine struct{ engine *cnivpp.Engine }

var _ Engine = vppEngine{}

func (v vppEngine) Number(iftype, key string) (uint32, error) { return cnivpp.Number(iftype, key) }

func (v vppEngine) Shared(w Wanted) []SharedName {
	var all []SharedName
	if name, ok := cnivpp.DomainName(w.Side); ok {
		all = append(all, SharedName{kindDomain, name.Name, name.Start, name.Last})
	}
	if name, ok := cnivpp.LoopbackName(w.Side, cnivpp.Gateways(w.Gateways)); ok {
		all = append(all, SharedName{kindLoopback, name.Name, name.Start, name.Last})
	}
	return all
}

func (v vppEngine) Describe(w Wanted) (json.RawMessage, error) {
	numbers := cnivpp.Numbers{Domain: w.Numbers[kindDomain], Loopback: w.Numbers[kindLoopback]}
	spec, err := cnivpp.HostSpec(w.Side, vpp.Identity(w.Identity), numbers, w.Addresses, cnivpp.Gateways(w.Gateways))
	if err != nil {
		return nil, err
	}
	return json.Marshal(spec)
}

func (v vppEngine) Create(ctx context.Context, raw json.RawMessage, fresh bool) error {
	spec, err := decode(raw)
	if err != nil {
		return err
	}
	err = v.engine.Ensure(ctx, spec, fresh)
	switch {
	case errors.Is(err, vpp.ErrDomainTaken):
		return &numberTakenError{kindDomain, err}
	case errors.Is(err, vpp.ErrLoopbackTaken):
		return &numberTakenError{kindLoopback, err}
	case errors.Is(err, vpp.ErrIDTaken):
		return &numberTakenError{"", err}
	}
	return err
}

func (v vppEngine) Check(ctx context.Context, raw json.RawMessage) (string, error) {
	spec, err := decode(raw)
	if err != nil {
		return "", err
	}
	plan, err := v.engine.Check(ctx, spec)
	return plan.String(), err
}

func (v vppEngine) Adjust(ctx context.Context, raw json.RawMessage) (string, error) {
	spec, err := decode(raw)
	if err != nil {
		return "", err
	}
	rest, err := v.engine.Adjust(ctx, spec)
	return rest.String(), err
}

func (v vppEngine) Remove(ctx context.Context, raw json.RawMessage) error {
	spec, err := decode(raw)
	if err != nil {
		return err
	}
	return v.engine.Remove(ctx, spec)
}

func (v vppEngine) RemoveTagged(ctx context.Context, tag string) error {
	return v.engine.RemoveTagged(ctx, tag)
}

func decode(raw json.RawMessage) (cnivpp.Spec, error) {
	var spec cnivpp.Spec
	if err := json.Unmarshal(raw, &spec); err != nil {
		return spec, fmt.Errorf("spec in the record: %w", err)
	}
	if spec.Endpoint == nil { // null is JSON for anything
		return spec, errors.New("spec in the record: it is empty")
	}
	return spec, nil
}
