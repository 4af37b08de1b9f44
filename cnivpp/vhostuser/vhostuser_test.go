package vhostuser

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.fd.io/govpp/binapi/vhost_user"

	"github.com/userspace-cni/userspace-cni/cnivpp/vpp"
	"github.com/userspace-cni/userspace-cni/pkg/netconf"
)

var identity = vpp.Identity{Tag: "t", Number: 70001, Socket: "/s/v.sock", MAC: "02:fe:00:00:00:09"}

// TestConfigure: every setting arrives in VPP's message.
func TestConfigure(t *testing.T) {
	side := netconf.Side{Vhost: &netconf.Vhost{Mode: "server", EnableGSO: true, EnablePacked: true, EnableEventIdx: true}}
	e, err := Configure(side, identity)
	if err != nil {
		t.Fatal(err)
	}
	got, err := e.message()
	if err != nil {
		t.Fatal(err)
	}
	want := &vhost_user.CreateVhostUserIfV2{
		IsServer: true, SockFilename: "/s/v.sock", Renumber: true, CustomDevInstance: 70001,
		EnableGso: true, EnablePacked: true, EnableEventIdx: true,
		UseCustomMac: true, MacAddress: [6]uint8{2, 0xfe, 0, 0, 0, 9}, Tag: "t",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if e.Interface() != "VirtualEthernet0/0/70001" {
		t.Errorf("interface %s", e.Interface())
	}
	e, err = Configure(netconf.Side{MAC: "02:00:00:00:00:01", Vhost: &netconf.Vhost{Mode: "client"}}, identity)
	if err != nil || e.Server || e.MAC != "02:00:00:00:00:01" {
		t.Errorf("client: %+v, %v", e, err)
	}
	if _, err := Configure(netconf.Side{}, identity); err == nil {
		t.Error("no block is taken")
	}
}

// TestEndpointFaults: none of them may reach VPP, from wherever it comes.
func TestEndpointFaults(t *testing.T) {
	good := Endpoint{Instance: 1, Filename: "/s", MAC: "02:00:00:00:00:01", Tag: "t"}
	for name, spoil := range map[string]func(*Endpoint){
		"instance 0":            func(e *Endpoint) { e.Instance = 0 },
		"a negative instance":   func(e *Endpoint) { e.Instance = 1 << 31 },
		"no filename":           func(e *Endpoint) { e.Filename = "" },
		"a relative filename":   func(e *Endpoint) { e.Filename = "s" },
		"filename of 108 bytes": func(e *Endpoint) { e.Filename = "/" + strings.Repeat("x", 107) },
		"filename with NUL":     func(e *Endpoint) { e.Filename = "/a\x00" },
		"no MAC":                func(e *Endpoint) { e.MAC = "" },
		"MAC of eight bytes":    func(e *Endpoint) { e.MAC = "02:00:00:00:00:00:00:01" },
		"tag of 64 bytes":       func(e *Endpoint) { e.Tag = strings.Repeat("x", 64) },
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
	raw, err := json.Marshal(good)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := Decode(raw); err != nil || got != good {
		t.Errorf("the good one: %+v, %v", got, err)
	}
}

// TestPlan: an interface that differs in what VPP can't change is made anew.
func TestPlan(t *testing.T) {
	e := Endpoint{Instance: 7, Filename: "/s", Server: true}
	for _, c := range []struct {
		state     State
		existence string
		absence   string
		renew     bool
	}{
		{State{Endpoint: e}, "create VirtualEthernet0/0/7 server of /s\n", "", false},
		{State{Endpoint: e, Created: true}, "", "delete VirtualEthernet0/0/7\n", false},
		{State{Endpoint: e, Created: true, Differs: "mac is x"}, "", "delete VirtualEthernet0/0/7, whose mac is x\n", true},
	} {
		if got := c.state.Plan(vpp.Existence).String(); got != c.existence {
			t.Errorf("%+v to existence: %q", c.state, got)
		}
		if got := c.state.Plan(vpp.Absence).String(); got != c.absence {
			t.Errorf("%+v to absence: %q", c.state, got)
		}
		if got := c.state.MustRenew(); got != c.renew {
			t.Errorf("%+v: renew %t", c.state, got)
		}
	}
}

func TestDifference(t *testing.T) {
	e := Endpoint{Filename: "/s", Server: true}
	for text, seen := range map[string]*vhost_user.SwInterfaceVhostUserDetails{
		"":                              {SockFilename: "/s", IsServer: true},
		"socket is /t":                  {SockFilename: "/t", IsServer: true},
		"server is false":               {SockFilename: "/s"},
		"is not a vhost-user interface": nil,
	} {
		if got := e.difference(seen); got != text {
			t.Errorf("%q, want %q", got, text)
		}
	}
}

// TestNumberIsInRange: above what VPP counts up to, below the sign bit.
func TestNumberIsInRange(t *testing.T) {
	for i := range 10_000 {
		if n := Number(fmt.Sprint(i)); n < 1<<16 || n >= 1<<31 {
			t.Errorf("key %d: number %d", i, n)
		}
	}
}
