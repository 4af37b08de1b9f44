package fields

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Rule says which values a field takes, to the program and to people.
type Rule[V any] struct {
	Allowed string   // for people, where Values is empty
	Values  []string // the whole vocabulary of a field that has one
	Note    string   // added to the vocabulary
	OK      func(V) bool
}

// judge tells whether v may stand at path, and records why where it may not.
// word is v as the limits spell it.
func judge[V any](r *Reader, path string, raw json.RawMessage, v V, word string, ru Rule[V]) bool {
	if !ru.OK(v) {
		r.Refuse(path, raw, ru.text(r, path))
		return false
	}
	l := r.limitOn(path, word)
	if l == nil {
		return true
	}
	now, _ := ru.split(r, path)
	r.Fault(&Error{Field: path, Value: Shown(path, raw), Problem: l.problem(), Allowed: now, Err: l.err()})
	return false
}

// Need records a field that has no value though it must have one. One that is
// there and wrong isn't missing.
func Need(r *Reader, path, value, problem string, ru Rule[string]) {
	if value == "" && !r.Faulty(path) {
		r.Fault(&Error{Field: path, Problem: problem, Allowed: ru.text(r, path)})
	}
}

// text says what is allowed at path, and what will be.
func (ru Rule[V]) text(r *Reader, path string) string {
	now, later := ru.split(r, path)
	if later == "" {
		return now
	}
	return fmt.Sprintf("%s (not supported yet: %s)", now, later)
}

// split says what is allowed at path as things stand, and what isn't supported
// yet.
func (ru Rule[V]) split(r *Reader, path string) (now, later string) {
	if text := r.narrowed(path, ru.Allowed); text != "" {
		return text, ""
	}
	var nows, laters []string
	for _, v := range ru.Values {
		switch l := r.limitOn(path, v); {
		case l == nil:
			nows = append(nows, strconv.Quote(v))
		case !l.Forever:
			laters = append(laters, strconv.Quote(v))
		}
	}
	return strings.Join(nows, ", ") + ru.Note, strings.Join(laters, ", ")
}

// anyBool takes both.
var anyBool = Rule[bool]{Allowed: "true, false", OK: func(bool) bool { return true }}

// AnyText takes every string.
func AnyText() Rule[string] {
	return Rule[string]{Allowed: "a string", OK: func(string) bool { return true }}
}

// OneOf takes a vocabulary.
func OneOf(values []string) Rule[string] {
	return Rule[string]{Values: values, OK: func(v string) bool { return slices.Contains(values, v) }}
}

// OneOfAnyCase is OneOf for a vocabulary in lower case.
func OneOfAnyCase(values []string) Rule[string] {
	return Rule[string]{Values: values, OK: func(v string) bool { return slices.Contains(values, Lower(v)) }}
}

// LogLevels are those of logLevel.
var LogLevels = []string{"panic", "error", "warning", "info", "debug", "verbose"}

// Between takes a range.
func Between(lowest, highest int64, unit string) Rule[int64] {
	return Rule[int64]{
		Allowed: fmt.Sprintf("a number from %d to %d%s, or 0 for the default", lowest, highest, unit),
		OK:      func(v int64) bool { return lowest <= v && v <= highest },
	}
}

// MaxUnixPath is what fits into sun_path (unix(7)), without its NUL.
const MaxUnixPath = 107

// MaxPath is Linux's PATH_MAX without its NUL.
const MaxPath = 4095

// AbsolutePath takes a path that doesn't depend on who calls the plugin.
func AbsolutePath(most int) Rule[string] {
	return Rule[string]{
		Allowed: fmt.Sprintf("an absolute path of at most %d bytes", most),
		OK: func(v string) bool {
			return v[0] == '/' && len(v) <= most && !strings.ContainsRune(v, 0)
		},
	}
}

// NoNUL takes every string that C understands.
func NoNUL() Rule[string] {
	return Rule[string]{
		Allowed: "a string without NUL",
		OK:      func(v string) bool { return !strings.ContainsRune(v, 0) },
	}
}

// Printable takes what can be read aloud and has no spaces.
func Printable(what string, most int) Rule[string] {
	return Rule[string]{
		Allowed: fmt.Sprintf("%s: at most %d printable characters, no space", what, most),
		OK: func(v string) bool {
			return len(v) <= most && !strings.ContainsFunc(v, func(c rune) bool { return c <= ' ' || c > '~' })
		},
	}
}

// IsWord tells whether v has only letters, digits, '_', '.' and '-', and begins
// with a letter or digit.
func IsWord(v string) bool {
	return v != "" && isAlphanumeric(rune(v[0])) && ConsistsOf(v, "_.-")
}

// IsDigits tells whether v has nothing but digits.
func IsDigits(v string) bool { return strings.Trim(v, "0123456789") == "" }

// ConsistsOf tells whether v has only letters, digits and what is in more.
func ConsistsOf(v, more string) bool {
	return !strings.ContainsFunc(v, func(c rune) bool { return !isAlphanumeric(c) && !strings.ContainsRune(more, c) })
}

func isAlphanumeric(c rune) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}
