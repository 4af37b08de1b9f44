package fields

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
)

// Reader walks a document once and remembers what it met: all faults, what was
// given under each path, and what deserves a warning.
type Reader struct {
	// In names the document in messages: "network configuration".
	In string
	// Limits is what rules allow and the document's owner doesn't take.
	Limits []Limit

	Faults   Errors
	Given    map[string]json.RawMessage // by path in our own spelling; null counts as not given
	Warnings []string
}

// NewReader reads the document that messages call in.
func NewReader(in string) *Reader {
	return &Reader{In: in, Given: map[string]json.RawMessage{}}
}

// Fault records one.
func (r *Reader) Fault(e *Error) {
	e.In = r.In
	r.Faults = append(r.Faults, e)
}

// Refuse records a value that is not allowed at path.
func (r *Reader) Refuse(path string, raw json.RawMessage, allowed string) {
	r.Fault(&Error{Field: path, Value: Shown(path, raw), Problem: "is not allowed", Allowed: allowed})
}

// Warn records a line for the log.
func (r *Reader) Warn(text string) { r.Warnings = append(r.Warnings, text) }

// Faulty tells whether path, or a block around it, has a fault already, so
// that nothing more can be said about its value.
func (r *Reader) Faulty(path string) bool {
	for _, e := range r.Faults {
		if e.Field == path || strings.HasPrefix(path, e.Field+".") {
			return true
		}
	}
	return false
}

// Err is what the faults amount to: nil, or an [Errors].
func (r *Reader) Err() error {
	if len(r.Faults) == 0 {
		return nil
	}
	return r.Faults
}

// Shown is a value as an error may show it: short, on one line, and never a
// secret.
func Shown(path string, raw json.RawMessage) string {
	if strings.HasSuffix(path, ".secret") || holdsSecret(raw) {
		return "(hidden)"
	}
	const most = 64
	var b bytes.Buffer
	if json.Compact(&b, raw) != nil {
		return ""
	}
	if b.Len() <= most {
		return b.String()
	}
	return strings.ToValidUTF8(b.String()[:most], "") + "…"
}

// holdsSecret tells whether there is a secret somewhere in a list or an object
// that stands where none is expected.
func holdsSecret(raw json.RawMessage) bool {
	if len(raw) == 0 || raw[0] != '[' && raw[0] != '{' {
		return false
	}
	for dec := json.NewDecoder(bytes.NewReader(raw)); ; {
		token, err := dec.Token()
		if err != nil {
			return false
		}
		if key, ok := token.(string); ok && strings.EqualFold(key, "secret") {
			return true
		}
	}
}

// printable is a key as an error may show it.
func printable(key string) string {
	const most = 64
	if key == "" {
		return `""`
	}
	q := strconv.Quote(key[:min(len(key), most)])
	return q[1 : len(q)-1]
}

// Join appends a field's name to the path of its block.
func Join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}
