package fields

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// The constructors below make a field from its name, the place of its value in
// T, and the rule for it. An empty string and a zero number mean left out, as
// they always have.

// Text is a string.
func Text[T any](name string, at func(*T) *string, ru Rule[string]) Field[T] {
	return Parsed(name, at, ru, Self)
}

// Parsed is a string that is kept as what parse makes of it; the rule must let
// nothing through that parse doesn't understand.
func Parsed[T, V any](name string, at func(*T) *V, ru Rule[string], parse func(string) V) Field[T] {
	return Field[T]{name: name, read: func(r *Reader, path string, raw json.RawMessage, into *T) {
		v, ok := asString(raw)
		if !ok {
			r.Refuse(path, raw, ru.text(r, path))
			return
		}
		if v != "" && judge(r, path, raw, v, v, ru) {
			*at(into) = parse(v)
		}
	}}
}

// Number is a whole number; the rule's range must fit into N.
func Number[T any, N int | uint8 | uint16 | uint32](name string, at func(*T) *N, ru Rule[int64]) Field[T] {
	return Field[T]{name: name, read: func(r *Reader, path string, raw json.RawMessage, into *T) {
		v, ok := asInteger(raw)
		if !ok {
			r.Refuse(path, raw, ru.text(r, path))
			return
		}
		if v != 0 && judge(r, path, raw, v, fmt.Sprint(v), ru) {
			*at(into) = N(v)
		}
	}}
}

// Word is an element of a list, a string in which nothing at all is not
// allowed either. The rule never gets to see an empty string.
func Word(ru Rule[string]) Field[string] {
	return Field[string]{read: func(r *Reader, path string, raw json.RawMessage, into *string) {
		v, ok := asString(raw)
		if !ok || v == "" {
			r.Refuse(path, raw, ru.text(r, path))
			return
		}
		if judge(r, path, raw, v, v, ru) {
			*into = v
		}
	}}
}

// NumberOr is an element of a list, a whole number or one of some words; it is
// kept as text.
func NumberOr(ru Rule[int64], words ...string) Field[string] {
	return Field[string]{read: func(r *Reader, path string, raw json.RawMessage, into *string) {
		if s, ok := asString(raw); ok && slices.Contains(words, s) {
			*into = s
			return
		}
		v, ok := asInteger(raw)
		if !ok {
			r.Refuse(path, raw, ru.text(r, path))
			return
		}
		if s := fmt.Sprint(v); judge(r, path, raw, v, s, ru) {
			*into = s
		}
	}}
}

// Boolean is true or false; false means left out, and so no limit forbids it.
func Boolean[T any](name string, at func(*T) *bool) Field[T] {
	return Field[T]{name: name, read: func(r *Reader, path string, raw json.RawMessage, into *T) {
		v, ok := asBool(raw)
		if !ok {
			r.Refuse(path, raw, anyBool.text(r, path))
			return
		}
		if !v || judge(r, path, raw, v, "true", anyBool) {
			*at(into) = v
		}
	}}
}

// List is a list of elements that one is read by.
func List[T, E any](name, allowed string, at func(*T) *[]E, one Field[E]) Field[T] {
	return Field[T]{name: name, inner: one.inner, read: func(r *Reader, path string, raw json.RawMessage, into *T) {
		elements, ok := asList(raw)
		if !ok {
			r.Refuse(path, raw, allowed)
			return
		}
		for i, e := range elements {
			p := fmt.Sprintf("%s[%d]", path, i)
			var v E
			if isNull(e) {
				r.Refuse(p, e, allowed)
			} else {
				one.read(r, p, e, &v)
			}
			*at(into) = append(*at(into), v)
		}
	}}
}

// Block is an object behind a pointer, nil where it is left out or empty.
func Block[T, B any](name string, at func(*T) **B, o Object[B]) Field[T] {
	return Field[T]{name: name, inner: o.Names(), read: func(r *Reader, path string, raw json.RawMessage, into *T) {
		b := new(B)
		if o.Read(r, path, raw, b) {
			*at(into) = b
		}
	}}
}

// Nested is an object inside T itself.
func Nested[T, B any](name string, at func(*T) *B, o Object[B]) Field[T] {
	return Field[T]{name: name, inner: o.Names(), read: func(r *Reader, path string, raw json.RawMessage, into *T) {
		o.Read(r, path, raw, at(into))
	}}
}

// At is the place of a list's element, which is nothing but its value.
func At[T any](v *T) *T { return v }

// Self leaves a value as it is.
func Self[T any](v T) T { return v }

// Lower is strings.ToLower.
func Lower(s string) string { return strings.ToLower(s) }
