package userspace

import (
	"context"
	"encoding/json"
)

// Looker is the part of an Engine that looks at a vswitch and changes nothing.
type Looker interface {
	// Status fails when the vswitch can't make what such a spec describes.
	Status(ctx context.Context, spec json.RawMessage) error
	// List returns what bears a tag that begins with the prefix; on demand with
	// the peers.
	List(ctx context.Context, prefix string, peers bool) ([]Listed, error)
	// Release is that of the running vswitch, such as "26.06".
	Release(ctx context.Context) (string, error)
	// Summarize says what a spec describes.
	Summarize(spec json.RawMessage) (Summary, error)
}

// Listed is an endpoint as it is on the vswitch.
type Listed struct {
	Tag       string
	Interface string
	// Up is the administrative state, Link whether a peer is connected.
	Up, Link bool
	Peer     string
}

// Summary is a spec in a person's words.
type Summary struct {
	// Kind is the endpoint's, Interface the host's, Network what it joins there.
	Kind, Interface, Network string
	// RxMode is how the host's interface is to receive; empty: as it likes. It is
	// lost at each reconnect.
	RxMode string
}

var _ Looker = vppEngine{}

// Status implements Looker.
func (v vppEngine) Status(ctx context.Context, raw json.RawMessage) error {
	spec, err := decode(raw)
	if err != nil {
		return err
	}
	return v.engine.Status(ctx, spec)
}

// List implements Looker.
func (v vppEngine) List(ctx context.Context, prefix string, peers bool) ([]Listed, error) {
	found, err := v.engine.List(ctx, prefix, peers)
	if err != nil {
		return nil, err
	}
	all := make([]Listed, len(found))
	for i, f := range found {
		all[i] = Listed{Tag: f.Tag, Interface: f.Name, Up: f.Up, Link: f.Link, Peer: f.Peer}
	}
	return all, nil
}

// Release implements Looker.
func (v vppEngine) Release(ctx context.Context) (string, error) { return v.engine.Release(ctx) }

// Summarize implements Looker.
func (v vppEngine) Summarize(raw json.RawMessage) (Summary, error) {
	spec, err := decode(raw)
	if err != nil {
		return Summary{}, err
	}
	return Summary{Kind: spec.Kind, Interface: spec.Endpoint.Interface(), Network: spec.Network(), RxMode: spec.RxMode}, nil
}
