package vcl

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/userspace-cni/userspace-cni/cnivpp/vpp"
	"github.com/userspace-cni/userspace-cni/pkg/netconf"
)

const abstractSocket = "abstract:vpp/session,netns_name=/run/netns/p1"

var identity = vpp.Identity{Tag: "userspace-cni:0011", Number: 5000, Socket: abstractSocket, MAC: "02:fe:00:00:00:09"}

func TestConfigure(t *testing.T) {
	e, err := Configure(netconf.Side{VCL: &netconf.VCL{}}, identity)
	want := Endpoint{Instance: 5000, MAC: "02:fe:00:00:00:09", Tag: "userspace-cni:0011", Socket: abstractSocket}
	if diff := cmp.Diff(want, e); err != nil || diff != "" {
		t.Errorf("%v; -want +got:\n%s", err, diff)
	}
	namespace := Namespace{Key: "0011", Interface: "loop5000", Socket: abstractSocket}
	if diff := cmp.Diff([]vpp.Part{namespace}, e.Serves()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if e, err := Configure(netconf.Side{MAC: "02:00:00:00:00:01", VCL: &netconf.VCL{}}, identity); err != nil || e.MAC != "02:00:00:00:00:01" {
		t.Errorf("with a MAC address: %+v, %v", e, err)
	}
	if _, err := Configure(netconf.Side{}, identity); err == nil {
		t.Error("no block is taken")
	}
}

// TestEndpointFaults: none of them may reach VPP, from wherever it comes.
func TestEndpointFaults(t *testing.T) {
	good := Endpoint{Instance: 5000, MAC: "02:00:00:00:00:01", Tag: "userspace-cni:0011", Socket: abstractSocket}
	for name, spoil := range map[string]func(*Endpoint){
		"loop0, which is anybody's": func(e *Endpoint) { e.Instance = 0 },
		"too high an instance":      func(e *Endpoint) { e.Instance = 16384 },
		"no MAC":                    func(e *Endpoint) { e.MAC = "" },
		"a long tag":                func(e *Endpoint) { e.Tag = strings.Repeat("x", 60) },
		"no socket":                 func(e *Endpoint) { e.Socket = "" },
		"a relative socket":         func(e *Endpoint) { e.Socket = "default" },
		"a long path":               func(e *Endpoint) { e.Socket = "/" + strings.Repeat("x", 106) },
		"two parameters":            func(e *Endpoint) { e.Socket = "/s,netns_name=/x" },
		"no name":                   func(e *Endpoint) { e.Socket = "abstract:,netns_name=/x" },
		"no namespace":              func(e *Endpoint) { e.Socket = "abstract:x" },
		"a relative namespace":      func(e *Endpoint) { e.Socket = "abstract:x,netns_name=x" },
		"another type of socket":    func(e *Endpoint) { e.Socket = "tcp:127.0.0.1:1" },
		"a second option":           func(e *Endpoint) { e.Socket = abstractSocket + ",netns_pid=1" },
		"a long name":               func(e *Endpoint) { e.Socket = "abstract:" + strings.Repeat("x", 106) + ",netns_name=/x" },
	} {
		e := good
		spoil(&e)
		raw, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := Decode(raw); err == nil {
			t.Errorf("%s: %+v", name, got)
		}
	}
	for _, socket := range []string{abstractSocket, "/run/s.sock"} {
		e := good
		e.Socket = socket
		raw, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := Decode(raw); err != nil || got != e {
			t.Errorf("%s: %+v, %v", socket, got, err)
		}
	}
}

// TestNumbers: the loopbacks of gateways and of endpoints never meet.
func TestNumbers(t *testing.T) {
	for _, key := range []string{"", "a", "b", "0011"} {
		if n := Number(key); n <= vpp.MaxGateway || n > vpp.MaxLoopback {
			t.Errorf("%q starts at %d", key, n)
		}
	}
}

// TestIDs: all of them fit into VPP's field.
func TestIDs(t *testing.T) {
	ids := Namespace{Key: strings.Repeat("a", 20)}.ids()
	if len(ids) != maxBroken || ids[0] != "usrsp-"+strings.Repeat("a", 20) || ids[1] != ids[0]+"-2" {
		t.Errorf("ids are %q", ids)
	}
	for _, id := range ids {
		if len(id) > maxID {
			t.Errorf("%s has %d bytes", id, len(id))
		}
	}
}
