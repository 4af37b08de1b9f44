package netconf

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// member is one "key": value of a JSON object. encoding/json can't tell the
// same key given twice from one given once, so objects are read member by member.
type member struct {
	key string
	raw json.RawMessage
}

// members lists an object's members in their order; ok is false when raw
// isn't an object.
func members(raw json.RawMessage) (list []member, ok bool) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil, false
	}
	for dec.More() {
		t, err := dec.Token()
		if err != nil {
			return nil, false
		}
		m := member{key: t.(string)}
		if err := dec.Decode(&m.raw); err != nil {
			return nil, false
		}
		list = append(list, m)
	}
	return list, true
}

// syntaxError tells what keeps stdin from being JSON, and in which line; nil
// when it is.
func syntaxError(stdin []byte) *Error {
	var raw json.RawMessage
	err := json.Unmarshal(stdin, &raw)
	if err == nil {
		return nil
	}
	where := ""
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		read := stdin[:min(int(syntax.Offset), len(stdin))]
		where = fmt.Sprintf("line %d: ", bytes.Count(read, []byte("\n"))+1)
	}
	return &Error{Field: "network configuration", Problem: "not JSON: " + where + err.Error()}
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
