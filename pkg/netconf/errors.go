package netconf

import (
	"errors"
	"fmt"
	"strings"
)

// ErrUnsupported marks a fault whose value is known and will work in a later
// release. Test for it with errors.Is.
var ErrUnsupported = errors.New("not supported yet")

// Error is one fault of a configuration.
type Error struct {
	Field   string // path from the top: host.memif.role
	Value   string // JSON as it was given, shortened; empty where there is none
	Problem string // what is wrong with it
	Allowed string // what is allowed instead
	Err     error  // ErrUnsupported, or nil
}

// Error says it in one line.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Field + ": ")
	if e.Value != "" {
		b.WriteString(e.Value + " ")
	}
	b.WriteString(e.Problem)
	if e.Allowed != "" {
		b.WriteString("; allowed: " + e.Allowed)
	}
	return b.String()
}

// Unwrap makes errors.Is(err, ErrUnsupported) work.
func (e *Error) Unwrap() error { return e.Err }

// Errors holds every fault of a configuration, in the order in which it was
// read; it is never empty where it is returned as an error.
type Errors []*Error

// Error gives each fault a line of its own.
func (es Errors) Error() string {
	if len(es) == 1 {
		return es[0].Error()
	}
	lines := []string{fmt.Sprintf("%d faults in the network configuration:", len(es))}
	for _, e := range es {
		lines = append(lines, e.Error())
	}
	return strings.Join(lines, "\n")
}

// Unwrap makes errors.As find the first *Error, and errors.Is any cause.
func (es Errors) Unwrap() []error {
	out := make([]error, len(es))
	for i, e := range es {
		out[i] = e
	}
	return out
}
