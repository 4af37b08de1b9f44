package fields

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Member is one "key": value of a JSON object. encoding/json can't tell the
// same key given twice from one given once, so objects are read member by member.
type Member struct {
	Key string
	Raw json.RawMessage
}

// Members lists an object's members in their order; ok is false when raw
// isn't an object.
func Members(raw json.RawMessage) (list []Member, ok bool) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil, false
	}
	for dec.More() {
		t, err := dec.Token()
		if err != nil {
			return nil, false
		}
		m := Member{Key: t.(string)}
		if err := dec.Decode(&m.Raw); err != nil {
			return nil, false
		}
		list = append(list, m)
	}
	return list, true
}

// Document reads data, which has to be one JSON object, into a T. Where it isn't
// one, that is the only fault.
func (o Object[T]) Document(r *Reader, data []byte, into *T) {
	if e := syntaxError(r.In, data); e != nil {
		r.Fault(e)
		return
	}
	raw := json.RawMessage(bytes.TrimSpace(data))
	if _, ok := Members(raw); !ok {
		r.Fault(NotAnObject(r.In, raw))
		return
	}
	o.Read(r, "", raw, into)
}

// First reads the first JSON value of data and ignores what follows it. Its
// error is an [Errors].
func First(in string, data []byte) (json.RawMessage, error) {
	var raw json.RawMessage
	if err := json.NewDecoder(bytes.NewReader(data)).Decode(&raw); err != nil {
		return nil, Errors{cmp.Or(syntaxError(in, data), &Error{In: in, Field: in, Problem: err.Error()})}
	}
	if _, ok := Members(raw); !ok {
		return nil, Errors{NotAnObject(in, raw)}
	}
	return raw, nil
}

// NotAnObject is the fault of a document that is something else.
func NotAnObject(in string, raw json.RawMessage) *Error {
	return &Error{In: in, Field: in, Value: Shown("", raw), Problem: "is not allowed", Allowed: "an object"}
}

// syntaxError tells what keeps data from being JSON, and in which line; nil
// when it is.
func syntaxError(in string, data []byte) *Error {
	var raw json.RawMessage
	err := json.Unmarshal(data, &raw)
	if err == nil {
		return nil
	}
	where := ""
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		read := data[:min(int(syntax.Offset), len(data))]
		where = fmt.Sprintf("line %d: ", bytes.Count(read, []byte("\n"))+1)
	}
	return &Error{In: in, Field: in, Problem: "not JSON: " + where + err.Error()}
}

func isNull(raw json.RawMessage) bool { return string(raw) == "null" }

func asString(raw json.RawMessage) (s string, ok bool) {
	if raw[0] != '"' {
		return "", false
	}
	return s, json.Unmarshal(raw, &s) == nil
}

func asBool(raw json.RawMessage) (v, ok bool) {
	return string(raw) == "true", string(raw) == "true" || string(raw) == "false"
}

func asList(raw json.RawMessage) (list []json.RawMessage, ok bool) {
	if raw[0] != '[' {
		return nil, false
	}
	return list, json.Unmarshal(raw, &list) == nil
}

// asInteger takes every notation of a whole number, as JSON Schema does: 4,
// 4.0 and 4e0 are one value.
func asInteger(raw json.RawMessage) (n int64, ok bool) {
	if !strings.ContainsRune("-0123456789", rune(raw[0])) {
		return 0, false
	}
	if n, err := strconv.ParseInt(string(raw), 10, 64); err == nil {
		return n, true
	}
	f, err := strconv.ParseFloat(string(raw), 64)
	if err != nil || f != math.Trunc(f) || math.Abs(f) > 1<<53 {
		return 0, false
	}
	return int64(f), true
}
