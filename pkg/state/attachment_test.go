package state

import (
	"regexp"
	"strings"
	"testing"
)

// TestKeysDiffer: no two attachments share a key, whatever they have in common
// and wherever one field's end could be taken for the next one's start.
func TestKeysDiffer(t *testing.T) {
	long := strings.Repeat("c", 128)
	seen := map[string]Attachment{}
	for _, a := range []Attachment{
		{"blue", "c", "net1"},
		{"red", "c", "net1"},
		{"blue", "c", "net2"},
		{"blue", "c2", "net1"},
		{"bluec", "", "net1"},
		{"blue", "cnet1", ""},
		{"", "bluec", "net1"},
		{"blue", long, "net1"},
		{"blue", long[:127], "net1"},
		{"blue", long[:12], "net1"},
	} {
		key := a.Key()
		if other, ok := seen[key]; ok {
			t.Errorf("%+v and %+v have the key %s", a, other, key)
		}
		seen[key] = a
		if !regexp.MustCompile(`^[0-9a-f]{20}$`).MatchString(key) {
			t.Errorf("%+v: key %q", a, key)
		}
	}
}

// TestKeyIsStable: the key stands in tags on VPP, which outlive an upgrade.
func TestKeyIsStable(t *testing.T) {
	a := Attachment{Network: "userspace-vpp-net-1", ContainerID: strings.Repeat("5e", 32), IfName: "net1"}
	if got, want := a.Key(), "db67c9962929978ef8db"; got != want {
		t.Errorf("key %s, want %s", got, want)
	}
}

func TestShortID(t *testing.T) {
	for id, want := range map[string]string{"": "", "a": "a", "0123456789ab": "0123456789ab", strings.Repeat("x", 128): "xxxxxxxxxxxx"} {
		if got := (Attachment{ContainerID: id}).ShortID(); got != want {
			t.Errorf("%q: %q, want %q", id, got, want)
		}
	}
}
