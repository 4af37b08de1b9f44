package userspace

import (
	"context"
	"encoding/json"
	"time"

	"github.com/userspace-cni/userspace-cni/cnivpp"
)

// Keeper is a lasting connection to a vswitch, for a program that stays.
type Keeper interface {
	// Gone is closed when the connection has ended.
	Gone() <-chan struct{}
	Close() error
	// LinkUps signals, until the connection or the context ends, that peers have
	// connected since the call: what the vswitch forgets without a peer has to be
	// done again. One signal may stand for many.
	LinkUps(ctx context.Context) (<-chan struct{}, error)
	// Instance says which run of the vswitch this is.
	Instance(ctx context.Context) (Instance, error)
	// Survey looks for what the specs describe, and changes nothing.
	Survey(ctx context.Context, specs []json.RawMessage) []Seen
	// Begin repairs what the specs share, and keeps others from changing it until
	// the end of the repair.
	Begin(ctx context.Context, specs []json.RawMessage) (Repair, error)
}

// Instance is one run of a vswitch.
type Instance struct {
	Release string
	// PID is the process, where it can be seen; else 0.
	PID    int
	Uptime time.Duration
}

// Seen is what a vswitch has of a spec.
type Seen struct {
	// Plan has the steps of a repair, one a line; empty: it is intact.
	Plan string
	// Exists tells whether the endpoint's interface is there, Up whether it is
	// enabled, Link whether a peer is connected.
	Exists, Up, Link bool
	Err              error
}

// Repair is one that is under way.
type Repair interface {
	// Apply makes what the specs describe, which are among those of Begin and whose
	// attachments are locked. Before an endpoint is made where there is none,
	// before is called with its number. errRenew says that it must be made anew by
	// the way of an ADD.
	Apply(ctx context.Context, specs []json.RawMessage, before func(i int) error) []error
	End()
}

// errRenew means that only removing the endpoint and making it again helps.
var errRenew = cnivpp.ErrRenew

// Keep implements Engine.
func (v vppEngine) Keep(ctx context.Context) (Keeper, error) {
	keeper, err := v.engine.Keep(ctx)
	if err != nil {
		return nil, err
	}
	return vppKeeper{keeper}, nil
}

type vppKeeper struct{ *cnivpp.Keeper }

var _ Keeper = vppKeeper{}

// Instance implements Keeper.
func (k vppKeeper) Instance(ctx context.Context) (Instance, error) {
	release, err := k.Session().Release(ctx)
	if err != nil {
		return Instance{}, err
	}
	process, err := k.Session().Process()
	if err != nil {
		return Instance{}, err
	}
	uptime, err := k.Session().Uptime(ctx)
	return Instance{Release: release, PID: process.PID, Uptime: uptime}, err
}

// Survey implements Keeper. A spec that makes no sense is a finding too.
func (k vppKeeper) Survey(ctx context.Context, raw []json.RawMessage) []Seen {
	seen := make([]Seen, len(raw))
	specs, where := decodeAll(raw, func(i int, err error) { seen[i].Err = err })
	for i, found := range k.Keeper.Survey(ctx, specs) {
		s := Seen{Plan: found.Plan.String(), Err: found.Err}
		if found.Interface != nil {
			s.Exists, s.Up, s.Link = true, found.Interface.Up, found.Interface.Link
		}
		seen[where[i]] = s
	}
	return seen
}

// Begin implements Keeper.
func (k vppKeeper) Begin(ctx context.Context, raw []json.RawMessage) (Repair, error) {
	specs, _ := decodeAll(raw, func(int, error) {}) // Apply says it
	repair, err := k.Keeper.Begin(ctx, specs)
	if err != nil {
		return nil, err
	}
	return vppRepair{repair}, nil
}

type vppRepair struct{ *cnivpp.Repair }

// Apply implements Repair.
func (r vppRepair) Apply(ctx context.Context, raw []json.RawMessage, before func(i int) error) []error {
	failed := make([]error, len(raw))
	specs, where := decodeAll(raw, func(i int, err error) { failed[i] = err })
	for i, err := range r.Repair.Apply(ctx, specs, func(i int) error { return before(where[i]) }) {
		failed[where[i]] = err
	}
	return failed
}

// decodeAll decodes what can be, and says which of the given ones each is.
func decodeAll(raw []json.RawMessage, refused func(i int, err error)) (specs []cnivpp.Spec, where []int) {
	for i := range raw {
		spec, err := decode(raw[i])
		if err != nil {
			refused(i, err)
			continue
		}
		specs, where = append(specs, spec), append(where, i)
	}
	return specs, where
}
