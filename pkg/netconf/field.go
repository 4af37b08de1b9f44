package netconf

import (
	"encoding/json"
	"fmt"
	"strings"
)

// The constructors below make a field from its name, the place of its value in
// T, and the rule for it. An empty string and a zero number mean left out, as
// they always have.

// text is a string.
func text[T any](name string, at func(*T) *string, ru rule[string]) field[T] {
	return field[T]{name: name, read: func(r *reader, path string, raw json.RawMessage, into *T) {
		v, ok := asString(raw)
		if !ok {
			r.refuse(path, raw, ru.text(path))
			return
		}
		if v != "" && judge(r, path, raw, v, v, ru) {
			*at(into) = v
		}
	}}
}

// rewritten is a string that is kept in one spelling of several.
func rewritten[T any](name string, at func(*T) *string, ru rule[string], rewrite func(string) string) field[T] {
	f := text(name, at, ru)
	read := f.read
	f.read = func(r *reader, path string, raw json.RawMessage, into *T) {
		read(r, path, raw, into)
		*at(into) = rewrite(*at(into))
	}
	return f
}

// number is a whole number; the rule's range must fit into N.
func number[T any, N int | uint8 | uint16 | uint32](name string, at func(*T) *N, ru rule[int64]) field[T] {
	return field[T]{name: name, read: func(r *reader, path string, raw json.RawMessage, into *T) {
		v, ok := asInteger(raw)
		if !ok {
			r.refuse(path, raw, ru.text(path))
			return
		}
		if v != 0 && judge(r, path, raw, v, fmt.Sprint(v), ru) {
			*at(into) = N(v)
		}
	}}
}

// boolean is true or false.
func boolean[T any](name string, at func(*T) *bool) field[T] {
	return field[T]{name: name, read: func(r *reader, path string, raw json.RawMessage, into *T) {
		v, ok := asBool(raw)
		if !ok {
			r.refuse(path, raw, "true, false")
			return
		}
		*at(into) = v
	}}
}

// list is a list of elements that one is read by.
func list[T, E any](name, allowed string, at func(*T) *[]E, one field[E]) field[T] {
	return field[T]{name: name, read: func(r *reader, path string, raw json.RawMessage, into *T) {
		elements, ok := asList(raw)
		if !ok {
			r.refuse(path, raw, allowed)
			return
		}
		for i, e := range elements {
			p := fmt.Sprintf("%s[%d]", path, i)
			if isNull(e) {
				r.refuse(p, e, allowed)
				continue
			}
			var v E
			one.read(r, p, e, &v)
			*at(into) = append(*at(into), v)
		}
	}}
}

// block is an object behind a pointer, nil where it is left out or empty.
func block[T, B any](name string, at func(*T) **B, o object[B]) field[T] {
	return field[T]{name: name, inner: o.names(), read: func(r *reader, path string, raw json.RawMessage, into *T) {
		b := new(B)
		if o.read(r, path, raw, b) {
			*at(into) = b
		}
	}}
}

// nested is an object inside T itself.
func nested[T, B any](name string, at func(*T) *B, o object[B]) field[T] {
	return field[T]{name: name, inner: o.names(), read: func(r *reader, path string, raw json.RawMessage, into *T) {
		o.read(r, path, raw, at(into))
	}}
}

func self[T any](v *T) *T { return v }

func lower(s string) string { return strings.ToLower(s) }
