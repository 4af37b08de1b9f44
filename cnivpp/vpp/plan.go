package vpp

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// Goal is where a plan leads.
type Goal int

const (
	// Existence: everything that the spec describes is there, as described.
	Existence Goal = iota
	// Absence: nothing of it is left.
	Absence
)

// Step is one change of one VPP. Its text says what it does, to a person.
// Applying a step twice has the effect of applying it once.
type Step interface {
	fmt.Stringer
	Apply(ctx context.Context, s *Session) error
}

// Plan is the ordered steps that lead from an observation to a goal. The empty
// plan means that the goal is reached.
type Plan []Step

// String has a line for each step.
func (p Plan) String() string {
	var text strings.Builder
	for _, step := range p {
		text.WriteString(step.String())
		text.WriteByte('\n')
	}
	return text.String()
}

// Apply does the steps in order and stops at the first that fails.
func (p Plan) Apply(ctx context.Context, s *Session) error {
	for _, step := range p {
		if err := step.Apply(ctx, s); err != nil {
			return fmt.Errorf("%s: %w", step, err)
		}
	}
	return nil
}

// prerequisite marks a step without which the following would leave something
// that nothing finds again.
type prerequisite interface{ Prerequisite() }

// ApplyAll does the steps in order, goes on past those that fail, unless they are
// a prerequisite, and returns all errors: what can be removed is removed.
func (p Plan) ApplyAll(ctx context.Context, s *Session) error {
	var failed []error
	for _, step := range p {
		if err := step.Apply(ctx, s); err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", step, err))
			if _, ok := step.(prerequisite); ok {
				break
			}
		}
	}
	return errors.Join(failed...)
}

// adjustment marks a step that concerns how a connected endpoint works and not
// whether: to make the endpoint again instead would cut the connection, and the
// step would be due again after that.
type adjustment interface{ adjusts() }

// Split returns the steps that are adjustments, and the others.
func (p Plan) Split() (adjustments, others Plan) {
	for _, step := range p {
		if _, ok := step.(adjustment); ok {
			adjustments = append(adjustments, step)
		} else {
			others = append(others, step)
		}
	}
	return adjustments, others
}

// Part is one piece of an endpoint.
type Part interface {
	// Observe looks at what VPP has of the part, as far as the goal needs it.
	// The interface is the endpoint's own, or nil when VPP has none.
	Observe(ctx context.Context, s *Session, iface *Interface, goal Goal) (Observation, error)

	// Nothing is what Observe returns on a VPP that has nothing of the part.
	// An ordinary ADD plans from it instead of looking; its steps therefore
	// take "exists already" for an answer.
	Nothing() Observation
}

// Shared is a part that attachments share, such as a routed network's gateway.
// Even an ordinary ADD has to look whether an earlier one made it.
type Shared interface {
	Part
	// Look returns what is needed to plan for existence, and asks VPP as little
	// as that takes.
	Look(ctx context.Context, s *Session) (Observation, error)
}

// Numbered is a part of which nothing but the endpoint's number says whose it is: where
// another has the number, it is that one's.
type Numbered interface {
	Part
	numbered()
}

// Observation is what was seen of a part. Planning from it is pure.
type Observation interface {
	Plan(goal Goal) Plan
}
