package userspace

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"

	"github.com/userspace-cni/userspace-cni/cnivpp"
	"github.com/userspace-cni/userspace-cni/cnivpp/vpp"
	"github.com/userspace-cni/userspace-cni/pkg/netconf"
)

// Engine is a host vswitch that endpoints are made on. What it makes is
// described by a spec that only the engine itself reads; the record keeps it.
type Engine interface {
	// Number is where the search for a number that is free for the attachment
	// with this key starts (see Identity).
	Number(iftype, key string) (uint32, error)
	// Describe makes the spec of the host's side, without any I/O.
	Describe(side netconf.Side, id Identity) (json.RawMessage, error)
	// Create makes what the spec describes, of which nothing exists. It fails
	// with errNumberTaken when the identity's number is in use there. What it
	// has made when it fails stays.
	Create(ctx context.Context, spec json.RawMessage) error
	// Check returns the steps that lead from what there is to the spec, one a
	// line; none when the endpoint is intact.
	Check(ctx context.Context, spec json.RawMessage) (string, error)
	// Remove leaves nothing of the spec.
	Remove(ctx context.Context, spec json.RawMessage) error
	// RemoveTagged leaves nothing that bears the tag, for an attachment whose
	// record is lost.
	RemoveTagged(ctx context.Context, tag string) error
}

// Identity is what the plugin calls an endpoint on the vswitch. All of it is of
// our choosing and in the record before anything is made.
type Identity struct {
	Tag    string
	Number uint32
	Socket string
	MAC    string
}

var errNumberTaken = errors.New("the number is taken on the vswitch")

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

func (v vppEngine) Describe(side netconf.Side, id Identity) (json.RawMessage, error) {
	spec, err := cnivpp.NewSpec(side, vpp.Identity(id))
	if err != nil {
		return nil, err
	}
	return json.Marshal(spec)
}

func (v vppEngine) Create(ctx context.Context, raw json.RawMessage) error {
	spec, err := decode(raw)
	if err != nil {
		return err
	}
	err = v.engine.Ensure(ctx, spec, true)
	if errors.Is(err, vpp.ErrIDTaken) {
		return fmt.Errorf("%w: %w", errNumberTaken, err)
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
	return spec, nil
}
