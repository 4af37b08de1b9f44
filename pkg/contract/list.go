package contract

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/userspace-cni/userspace-cni/pkg/state"
)

// ErrUnreadable means that the annotation's value isn't a list of entries, so
// that nobody can read it.
var ErrUnreadable = errors.New("is not a JSON list of entries")

// identity is what tells one entry of a list from another. Everything else in
// entries of others is kept as it stands.
type identity struct {
	ContainerID string `json:"containerId"`
	IfName      string `json:"ifName"`
	Name        string `json:"name"`
}

// Upsert returns the annotation's list with the entry in it, in the place of the
// one that the network and interface had: a recreated sandbox has another
// container ID. The other entries stay as they are, known or not. A memif
// secret is left out: annotations are open to everyone who may read pods. Where
// the list is ErrUnreadable, Upsert(nil, e) begins a new one.
func Upsert(list []byte, e Entry) ([]byte, error) {
	if err := e.check(); err != nil {
		return nil, err
	}
	if e.ContainerID == "" {
		return nil, errors.New("containerId is missing")
	}
	all, err := split(list)
	if err != nil {
		return nil, err
	}
	entry, err := json.Marshal(e.public())
	if err != nil {
		return nil, err
	}
	replaced := false
	kept := all[:0]
	for _, raw := range all {
		if id := identify(raw); id.Name == e.Name && id.IfName == e.IfName {
			if replaced {
				continue
			}
			raw, replaced = entry, true
		}
		kept = append(kept, raw)
	}
	if !replaced {
		kept = append(kept, entry)
	}
	return join(kept), nil
}

// Remove returns the annotation's list without the attachment's entry, and
// whether there was one; nil when no entry is left. An entry of the same network
// and interface with another container ID belongs to the sandbox that came
// after, and stays.
func Remove(list []byte, a state.Attachment) ([]byte, bool, error) {
	all, err := split(list)
	if err != nil {
		return list, false, err
	}
	kept := make([]json.RawMessage, 0, len(all))
	for _, raw := range all {
		if identify(raw) != (identity{a.ContainerID, a.IfName, a.Network}) {
			kept = append(kept, raw)
		}
	}
	switch {
	case len(kept) == len(all):
		return list, false, nil
	case len(kept) == 0:
		return nil, true, nil
	}
	return join(kept), true, nil
}

// public is the entry without what only the pod itself may know.
func (e Entry) public() Entry {
	e.Config = e.Config.WithoutSecret()
	return e
}

// split takes a list apart; an absent annotation is an empty one.
func split(list []byte) ([]json.RawMessage, error) {
	if len(bytes.TrimSpace(list)) == 0 {
		return nil, nil
	}
	var all []json.RawMessage
	if err := json.Unmarshal(list, &all); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnreadable, err)
	}
	return all, nil
}

// identify returns nothing for what isn't an entry: it is not ours to judge.
func identify(raw json.RawMessage) identity {
	var id identity
	if json.Unmarshal(raw, &id) != nil {
		return identity{}
	}
	return id
}

func join(all []json.RawMessage) []byte {
	var out bytes.Buffer
	out.WriteByte('[')
	for i, raw := range all {
		if i > 0 {
			out.WriteByte(',')
		}
		out.Write(raw)
	}
	out.WriteByte(']')
	return guard(out.Bytes())
}

// guard writes two characters of strings in JSON's other way, which means the
// same. app-netutil drops the whole annotation at a second "=" in its line, and
// deletes backslashes before it parses, which makes the end of a string of \"
// (GetInterfaces in lib/v1alpha/network.go).
func guard(list []byte) []byte {
	var out bytes.Buffer
	for i := 0; i < len(list); i++ {
		switch c := list[i]; {
		case c == '=':
			out.WriteString(`\u003d`)
		case c == '\\' && list[i+1] == '"': // a backslash is never the last byte of JSON
			out.WriteString(`\u0022`)
			i++
		case c == '\\':
			out.Write(list[i : i+2])
			i++
		default:
			out.WriteByte(c)
		}
	}
	return out.Bytes()
}
