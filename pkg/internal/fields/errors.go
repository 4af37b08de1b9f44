package fields

import (
	"errors"
	"fmt"
	"strings"
)

// ErrUnsupported marks a fault whose value is known and will work in a later
// release. Test for it with errors.Is.
var ErrUnsupported = errors.New("not supported yet")

// Error is one fault of a document.
type Error struct {
	In      string // the document; empty stands for the network configuration
	Field   string // path from the top: host.memif.role
	Value   string // JSON as it was given, shortened; empty where there is none
	Problem string // what is wrong with it
	Allowed string // what is allowed instead
	Err     error  // a cause to test for, such as ErrUnsupported; or nil
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

// Unwrap makes errors.Is find the cause.
func (e *Error) Unwrap() error { return e.Err }

// Errors holds every fault of a document, in the order in which it was read; it
// is never empty where it is returned as an error.
type Errors []*Error

// Error gives each fault a line of its own.
func (es Errors) Error() string {
	if len(es) == 1 {
		return es[0].Error()
	}
	in := "network configuration"
	if len(es) > 0 && es[0].In != "" {
		in = es[0].In
	}
	lines := []string{fmt.Sprintf("%d faults in the %s:", len(es), in)}
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
