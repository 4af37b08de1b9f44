package netconf

import (
	"encoding/json"
	"fmt"
	"strings"
)

// object describes one JSON object: its fields, and what an unknown key means.
type object[T any] struct {
	fields  []field[T]
	unknown func(r *reader, path, key string, known []string)
}

// field reads one member of an object into a T.
type field[T any] struct {
	name  string
	inner []string // names of the fields of the block that this field is
	read  func(r *reader, path string, raw json.RawMessage, into *T)
}

// read reads raw into a T; filled is false where no member has a value.
func (o object[T]) read(r *reader, path string, raw json.RawMessage, into *T) (filled bool) {
	list, ok := members(raw)
	if !ok {
		r.refuse(path, raw, "an object")
		return false
	}
	seen := map[string]string{}
	for _, m := range list {
		f := o.find(m.key)
		if f == nil {
			o.unknown(r, path, m.key, o.known())
			continue
		}
		p := join(path, f.name)
		if first, twice := seen[f.name]; twice {
			r.fault(twiceError(p, first, m.key))
			continue
		}
		seen[f.name] = m.key
		if isNull(m.raw) {
			continue
		}
		filled = true
		r.given[p] = m.raw
		f.read(r, p, m.raw, into)
	}
	return filled
}

// find matches names regardless of case, as encoding/json does.
func (o object[T]) find(key string) *field[T] {
	for i := range o.fields {
		if strings.EqualFold(o.fields[i].name, key) {
			return &o.fields[i]
		}
	}
	return nil
}

// known lists the names of the fields, and those one block deeper as
// block.name, so that a field in the wrong place can be pointed to the right one.
func (o object[T]) known() (names []string) {
	for _, f := range o.fields {
		names = append(names, f.name)
	}
	for _, f := range o.fields {
		for _, inner := range f.inner {
			names = append(names, f.name+"."+inner)
		}
	}
	return names
}

func (o object[T]) names() (names []string) {
	for _, f := range o.fields {
		names = append(names, f.name)
	}
	return names
}

func twiceError(path, first, second string) *Error {
	if first == second {
		return &Error{Field: path, Problem: "given twice", Allowed: "once"}
	}
	return &Error{Field: path, Problem: fmt.Sprintf("given twice, as %q and as %q", first, second), Allowed: "once"}
}
