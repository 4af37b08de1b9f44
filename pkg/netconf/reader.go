package netconf

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
)

// reader walks a document once and remembers what it met: all faults, what
// was given under each path, and what deserves a warning.
type reader struct {
	faults   Errors
	given    map[string]json.RawMessage // by path in our own spelling; null counts as not given
	warnings []string
}

func newReader() *reader { return &reader{given: map[string]json.RawMessage{}} }

func (r *reader) fault(e *Error) { r.faults = append(r.faults, e) }

// refuse records a value that is not allowed at path.
func (r *reader) refuse(path string, raw json.RawMessage, allowed string) {
	r.fault(&Error{Field: path, Value: shown(path, raw), Problem: "is not allowed", Allowed: allowed})
}

func (r *reader) warn(text string) { r.warnings = append(r.warnings, text) }

// faulty tells whether path, or a block around it, has a fault already, so
// that nothing more can be said about its value.
func (r *reader) faulty(path string) bool {
	for _, e := range r.faults {
		if e.Field == path || strings.HasPrefix(path, e.Field+".") {
			return true
		}
	}
	return false
}

// shown is a value as an error may show it: short, on one line, and never a
// secret.
func shown(path string, raw json.RawMessage) string {
	if strings.HasSuffix(path, ".secret") {
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

// printable is a key as an error may show it.
func printable(key string) string {
	const most = 64
	q := strconv.Quote(key[:min(len(key), most)])
	return q[1 : len(q)-1]
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}
