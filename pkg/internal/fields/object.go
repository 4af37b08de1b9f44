package fields

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Object describes one JSON object: its fields, and what an unknown key means.
type Object[T any] struct {
	Fields  []Field[T]
	Unknown func(r *Reader, path, key string, known []string)
}

// Field reads one member of an object into a T. The constructors make one.
type Field[T any] struct {
	name  string
	inner []string // names of the fields of the block that this field is
	read  func(r *Reader, path string, raw json.RawMessage, into *T)
}

// Read reads raw into a T; filled is false where no member has a value.
func (o Object[T]) Read(r *Reader, path string, raw json.RawMessage, into *T) (filled bool) {
	list, ok := Members(raw)
	if !ok {
		r.Refuse(path, raw, "an object")
		return false
	}
	seen := map[string]string{}
	for _, m := range list {
		f := o.find(m.Key)
		if f == nil {
			o.Unknown(r, path, m.Key, o.known())
			continue
		}
		p := Join(path, f.name)
		if first, twice := seen[f.name]; twice {
			r.Fault(twiceError(p, first, m.Key))
			continue
		}
		seen[f.name] = m.Key
		if isNull(m.Raw) {
			continue
		}
		filled = true
		r.Given[p] = m.Raw
		f.read(r, p, m.Raw, into)
	}
	return filled
}

// find matches names regardless of case, as encoding/json does.
func (o Object[T]) find(key string) *Field[T] {
	for i := range o.Fields {
		if strings.EqualFold(o.Fields[i].name, key) {
			return &o.Fields[i]
		}
	}
	return nil
}

// known lists the names of the fields, and those one block deeper as
// block.name, so that a field in the wrong place can be pointed to the right one.
func (o Object[T]) known() (names []string) {
	names = o.Names()
	for _, f := range o.Fields {
		for _, inner := range f.inner {
			names = append(names, f.name+"."+inner)
		}
	}
	return names
}

// Names lists the names of the fields.
func (o Object[T]) Names() (names []string) {
	for _, f := range o.Fields {
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
