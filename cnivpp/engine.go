package cnivpp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"github.com/userspace-cni/userspace-cni/cnivpp/vpp"
	"github.com/userspace-cni/userspace-cni/pkg/vppapi"
)

// Locker keeps what several attachments share, such as a bridge domain, to one
// call at a time; VPP itself guards none of it.
type Locker interface {
	Lock(ctx context.Context, name string) (unlock func(), err error)
}

// Engine makes, checks and removes endpoints on the VPP at an API socket.
type Engine struct {
	// Socket is the path of VPP's API socket.
	Socket string
	Locks  Locker
	Log    *slog.Logger
}

// Ensure brings VPP to the spec. Where the caller knows that nothing of the
// attachment exists (fresh), nothing is looked at first. On failure, what there
// is of the attachment stays: removing it is the caller's decision.
func (e *Engine) Ensure(ctx context.Context, spec Spec, fresh bool) error {
	if err := spec.validate(); err != nil {
		return err
	}
	return e.with(ctx, spec, func(s *vpp.Session) error {
		if err := s.Probe(ctx, spec.messages()...); err != nil {
			return err
		}
		if fresh {
			state, err := look(ctx, s, spec)
			if err == nil {
				err = state.plan(vpp.Existence).Apply(ctx, s)
			}
			if !errors.Is(err, vpp.ErrExists) {
				return err
			}
			e.Log.Warn("found an endpoint without a record", "interface", spec.Endpoint.Interface(), "err", err)
		}
		state, err := observe(ctx, s, spec, vpp.Existence)
		if err != nil {
			return err
		}
		return state.toward(spec).Apply(ctx, s)
	})
}

// Check returns the plan from what VPP has to the spec: empty when the endpoint
// is intact. Nothing is changed.
func (e *Engine) Check(ctx context.Context, spec Spec) (vpp.Plan, error) {
	var plan vpp.Plan
	err := e.with(ctx, spec, func(s *vpp.Session) error {
		state, err := observe(ctx, s, spec, vpp.Existence)
		if err == nil {
			plan = state.toward(spec)
		}
		return err
	})
	return plan, err
}

// Adjust returns the plan that Check returns, without those steps that concern how
// the endpoint works and not whether. Where there are no others it does these. It
// only logs what VPP refuses of them: to make the endpoint again wouldn't help.
func (e *Engine) Adjust(ctx context.Context, spec Spec) (vpp.Plan, error) {
	var rest vpp.Plan
	err := e.with(ctx, spec, func(s *vpp.Session) error {
		state, err := observe(ctx, s, spec, vpp.Existence)
		if err != nil {
			return err
		}
		adjustments, others := state.toward(spec).Split()
		rest = others
		if len(others) > 0 {
			return nil
		}
		if err := adjustments.ApplyAll(ctx, s); err != nil {
			e.Log.Warn("can't adjust the endpoint", "interface", spec.Endpoint.Interface(), "err", err)
		}
		return nil
	})
	return rest, err
}

// Remove leaves nothing of the spec on VPP. A VPP that isn't running has
// nothing; of one that is, everything that can be removed is, whatever fails.
func (e *Engine) Remove(ctx context.Context, spec Spec) error {
	err := lookAgain(func() error { return e.remove(ctx, spec) })
	if errors.Is(err, vppapi.ErrNotRunning) {
		e.Log.Info("VPP is gone, and the endpoint with it", "err", err)
		return nil
	}
	return err
}

// lookAgain repeats what lost its connection: VPP has died, or only dropped us,
// and looking again tells.
func lookAgain(do func() error) error {
	err := do()
	if errors.Is(err, vppapi.ErrConnectionLost) {
		err = do()
	}
	return err
}

func (e *Engine) remove(ctx context.Context, spec Spec) error {
	return e.with(ctx, spec, func(s *vpp.Session) error {
		state, err := observe(ctx, s, spec, vpp.Absence)
		if err != nil {
			return err
		}
		return state.plan(vpp.Absence).ApplyAll(ctx, s)
	})
}

// Withdraw takes the routes to given destinations away from an endpoint that
// stays. Where VPP has no such endpoint there are none.
func (e *Engine) Withdraw(ctx context.Context, spec Spec, routes []vpp.Route) error {
	return e.with(ctx, spec, func(s *vpp.Session) error {
		iface, err := own(ctx, s, spec)
		if errors.Is(err, vpp.ErrIDTaken) || err == nil && iface == nil {
			return nil
		}
		if err != nil {
			return err
		}
		part := vpp.Routes{Interface: spec.holder(), Table: spec.table(), Routes: routes}
		seen, err := part.Observe(ctx, s, iface, vpp.Absence)
		if err != nil {
			return err
		}
		return seen.Plan(vpp.Absence).ApplyAll(ctx, s)
	})
}

// with runs a function in a session, holding the locks of what the spec shares.
func (e *Engine) with(ctx context.Context, spec Spec, do func(*vpp.Session) error) error {
	for _, name := range spec.shared() {
		unlock, err := e.Locks.Lock(ctx, name)
		if err != nil {
			return fmt.Errorf("lock %s: %w", name, err)
		}
		defer unlock()
	}
	session, err := vpp.Connect(ctx, e.Socket)
	if err != nil {
		return err
	}
	defer session.Close()
	return do(session)
}

// state is what was observed of a spec's parts, in their order.
type state []vpp.Observation

// nothing is the state of a VPP that has nothing of the spec.
func nothing(spec Spec) state {
	var all state
	for _, part := range spec.parts() {
		all = append(all, part.Nothing())
	}
	return all
}

// look is the state of a VPP that has nothing of the attachment itself; only
// what it shares with others is looked at.
func look(ctx context.Context, s *vpp.Session, spec Spec) (state, error) {
	var all state
	for _, part := range spec.parts() {
		var seen vpp.Observation
		var err error
		switch part := part.(type) {
		case vpp.Shared:
			seen, err = part.Look(ctx, s)
		case vpp.OwnTable: // its number may be that of somebody's table
			seen, err = part.Observe(ctx, s, nil, vpp.Existence)
		default:
			seen = part.Nothing()
		}
		if err != nil {
			return nil, err
		}
		all = append(all, seen)
	}
	return all, nil
}

// observe looks at what VPP has of the spec, as far as the goal needs it.
func observe(ctx context.Context, s *vpp.Session, spec Spec, goal vpp.Goal) (state, error) {
	iface, err := own(ctx, s, spec)
	others := errors.Is(err, vpp.ErrIDTaken) && goal == vpp.Absence
	if others {
		iface, err = nil, nil
	}
	if err != nil {
		return nil, err
	}
	var all state
	for _, part := range spec.parts() {
		if _, numbered := part.(vpp.Numbered); numbered && others {
			continue // it belongs to whoever has the number
		}
		seen, err := observePart(ctx, s, part, iface, goal)
		if unknown := new(vppapi.UnknownMessageError); goal == vpp.Absence && errors.As(err, &unknown) {
			// A VPP that came back without a plugin has none of its objects.
			seen, err = part.Nothing(), nil
		}
		if err != nil {
			return nil, err
		}
		all = append(all, seen)
	}
	return all, nil
}

// observePart looks at what is shared once for all endpoints of a snapshot.
func observePart(ctx context.Context, s *vpp.Session, part vpp.Part, iface *vpp.Interface, goal vpp.Goal) (vpp.Observation, error) {
	key := sharedKey(part)
	if key == "" || goal == vpp.Absence {
		return part.Observe(ctx, s, iface, goal)
	}
	return vpp.Once(ctx, s, key, func(ctx context.Context, s *vpp.Session) (vpp.Observation, error) {
		return part.Observe(ctx, s, nil, goal)
	})
}

// own returns the spec's interface, or nil when VPP has none. One of that name
// that belongs to somebody else is ErrIDTaken.
func own(ctx context.Context, s *vpp.Session, spec Spec) (*vpp.Interface, error) {
	name := spec.Endpoint.Interface()
	found, err := s.Interface(ctx, name)
	if err != nil || found == nil || found.Tag == spec.Tag {
		return found, err
	}
	if found.Tag == "" {
		ours, err := spec.Endpoint.Owns(ctx, s)
		if err != nil || ours {
			return found, err
		}
	}
	return nil, fmt.Errorf("%w: interface %s has the tag %q, not %q", vpp.ErrIDTaken, name, found.Tag, spec.Tag)
}

// toward is the plan to the spec. An endpoint that can't be changed into what is
// described is removed with everything that hangs on it, and made from nothing.
func (s state) toward(spec Spec) vpp.Plan {
	for _, part := range s {
		if old, ok := part.(interface{ MustRenew() bool }); ok && old.MustRenew() {
			return append(s.plan(vpp.Absence), nothing(spec).plan(vpp.Existence)...)
		}
	}
	return s.plan(vpp.Existence)
}

// plan concatenates the parts' plans; towards absence in reverse order.
func (s state) plan(goal vpp.Goal) vpp.Plan {
	parts := slices.Clone(s)
	if goal == vpp.Absence {
		slices.Reverse(parts)
	}
	var plan vpp.Plan
	for _, part := range parts {
		plan = append(plan, part.Plan(goal)...)
	}
	return plan
}
