package netconf

import (
	"encoding/json"
	"errors"
	"io/fs"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestErrors(t *testing.T) {
	_, err := Parse(readFile(t, "testdata/invalid/many-faults.json"))
	var one *Error
	if !errors.As(err, &one) || one.Field != "cniVersion" {
		t.Errorf("errors.As gives %v", one)
	}
	if !errors.Is(err, ErrUnsupported) {
		t.Error("errors.Is doesn't find ErrUnsupported")
	}
	var all Errors
	if !errors.As(err, &all) || strings.Count(err.Error(), "\n") != len(all) {
		t.Errorf("%d faults, but not a line each:\n%v", len(all), err)
	}
	_, err = Parse(readFile(t, "testdata/invalid/same-role.json"))
	if errors.Is(err, ErrUnsupported) {
		t.Error("a plain mistake is ErrUnsupported")
	}
}

// TestValueIsShort: a message stays readable whatever was given.
func TestValueIsShort(t *testing.T) {
	_, err := Parse(edit{"host.mac", repeated(`é\n`, 5000)}.document())
	if e := faultAt(t, err, "host.mac"); len(e.Value) > 70 || strings.ContainsAny(e.Error(), "\n\uFFFD") {
		t.Errorf("%d bytes: %s", len(e.Value), e.Error())
	}
	_, err = Parse(edit{"host." + strings.Repeat("x\n", 500), `1`}.document())
	if s := err.Error(); len(s) > 250 || strings.Contains(s, "\n") {
		t.Errorf("%d bytes: %s", len(s), s)
	}
}

// TestAgreements looks at those that today's limits keep from being reached.
func TestAgreements(t *testing.T) {
	c := &NetConf{Host: Side{IfType: IfTypeMemif}, Container: Side{IfType: IfTypeTap}}
	if sameIfType(c) == nil {
		t.Error("a tap at the other end of a memif is accepted")
	}
}

// TestScopesAreCountedOnce: words that mean nothing are no scope that is named twice.
func TestScopesAreCountedOnce(t *testing.T) {
	_, err := Parse(edit{"host.vcl.scopes", `["here","there"]`}.in(sockets))
	var all Errors
	if !errors.As(err, &all) || len(all) != 2 || all[0].Field != "host.vcl.scopes[0]" || all[1].Field != "host.vcl.scopes[1]" {
		t.Error(err)
	}
}

func TestSocketPermissions(t *testing.T) {
	for in, want := range map[string]fs.FileMode{"0660": 0o660, "0770": 0o770, "0000": 0} {
		if got, ok := (Socket{Mode: in}).Permissions(); !ok || got != want {
			t.Errorf("%s: %v %t", in, got, ok)
		}
	}
	if _, ok := (Socket{}).Permissions(); ok {
		t.Error("permissions from nothing")
	}
}

func TestDomain(t *testing.T) {
	for _, c := range []struct {
		b    Bridge
		want uint32
	}{
		{Bridge{BridgeName: "4"}, 4},
		{Bridge{BridgeName: "0016777215"}, MaxBridgeDomain},
		{Bridge{BridgeName: "4", BridgeID: 5}, 4},
		{Bridge{BridgeID: 16777215}, MaxBridgeDomain},
		{Bridge{}, 0},
		{Bridge{BridgeID: -1}, 0},
		{Bridge{BridgeID: 16777216}, 0},
		{Bridge{BridgeName: "br-4"}, 0},
		{Bridge{BridgeName: "-4"}, 0},
		{Bridge{BridgeName: "99999999999999999999"}, 0},
		{Bridge{BridgeName: "4", VlanID: 100}, 0},
		{Bridge{BridgeID: 4, VlanID: 100}, 0},
	} {
		if got := c.b.Domain(); got != c.want {
			t.Errorf("%+v: %d, want %d", c.b, got, c.want)
		}
	}
}

func TestKey(t *testing.T) {
	for _, c := range []struct {
		b    Bridge
		want string
	}{
		{Bridge{}, ""},
		{Bridge{VlanID: 100}, ""},
		{Bridge{Uplink: "eth0"}, ""},
		{Bridge{BridgeID: 4}, "4"},
		{Bridge{BridgeName: "4"}, "4"},
		{Bridge{BridgeName: "004", BridgeID: 4}, "4"},
		{Bridge{BridgeID: 4, VlanID: 100}, "4.100"},
		{Bridge{BridgeName: "04", VlanID: 100, Uplink: "eth0"}, "4.100"},
		{Bridge{BridgeName: "blue"}, "blue"},
		{Bridge{BridgeName: "blue", VlanID: 100}, "blue.100"},
		{Bridge{BridgeName: "4a"}, "4a"},
	} {
		if got := c.b.Key(); got != c.want {
			t.Errorf("%+v: %q, want %q", c.b, got, c.want)
		}
	}
}

// TestDeleteGoesOn: whatever ADD refuses, DEL reads, as long as it has a name.
func TestDeleteGoesOn(t *testing.T) {
	for _, x := range wrongs {
		if _, err := ParseForDelete(x.document()); (err != nil) != (x.path == "name") {
			t.Errorf("%s=%s: %v", x.path, x.value, err)
		}
	}
}

func TestParseForDelete(t *testing.T) {
	for _, c := range []struct {
		name, in string
		want     NetConf
	}{
		{
			"all", `{"name":"n","cniVersion":"0.2.0","ipam":{"type":"x","range":5},"vppApiSocket":"/v","sharedDir":"/s","logFile":"/l","logLevel":"INFO"}`,
			NetConf{Name: "n", CNIVersion: "0.2.0", IPAM: IPAM{"x"}, VPPAPISocket: "/v", SharedDir: "/s", LogFile: "/l", LogLevel: "info"},
		},
		{
			"wrong values count as left out", `{"name":"n","cniVersion":1,"ipam":"x","vppApiSocket":"v","sharedDir":[],"logFile":{},"logLevel":"loud","host":5,"container":6}`,
			NetConf{Name: "n", VPPAPISocket: DefaultVPPAPISocket},
		},
		{"case, twice, trailing", `{"NAME":"n","name":"m","unknown":1} garbage`, NetConf{Name: "n", VPPAPISocket: DefaultVPPAPISocket}},
		{
			"host as far as it goes", `{"name":"n","host":{"iftype":"vhostuser","foo":1,"memif":{"role":"x","socketfile":"a.sock"}}}`,
			NetConf{Name: "n", VPPAPISocket: DefaultVPPAPISocket, Host: Side{IfType: IfTypeVhostUser, Memif: &Memif{SocketFile: "a.sock"}}},
		},
		{
			"VCL", `{"name":"n","host":{"iftype":"vcl","vcl":{"socketName":"vpp/session","scopes":["x"],"rxFifoSize":1,"default":null}}}`,
			NetConf{Name: "n", VPPAPISocket: DefaultVPPAPISocket, Host: Side{IfType: IfTypeVCL, VCL: &VCL{SocketName: "vpp/session", Scopes: []string{""}}}},
		},
		{
			"VCL with a file elsewhere", `{"name":"n","host":{"iftype":"vcl","vcl":{"socketName":"../a/b","socketType":"file"}}}`,
			NetConf{Name: "n", VPPAPISocket: DefaultVPPAPISocket, Host: Side{IfType: IfTypeVCL, VCL: &VCL{SocketType: SocketTypeFile}}},
		},
	} {
		got, err := ParseForDelete([]byte(c.in))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if diff := cmp.Diff(&c.want, got, cmpopts.IgnoreUnexported(NetConf{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

func TestParseForDeleteRefuses(t *testing.T) {
	for in, want := range map[string]string{
		``: "not JSON", `[]`: "an object", `{"name":`: "not JSON", `null`: "an object", `5`: "an object",
		`{}`: "name: missing", `{"name":5}`: "name: 5 missing", `{"name":"../x"}`: `name: "../x" missing`,
	} {
		_, err := ParseForDelete([]byte(in))
		var all Errors
		if !errors.As(err, &all) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", in, err, want)
		}
	}
}

func rewrite(t *testing.T, c *NetConf) []byte {
	t.Helper()
	container := c.Container
	if container.VCL != nil { // the socket is said at the host's side alone
		block := *container.VCL
		block.SocketName, block.SocketType = "", ""
		container.VCL = &block
	}
	b, err := json.Marshal(map[string]any{
		"cniVersion": c.CNIVersion, "name": c.Name, "type": c.Type, "ipam": map[string]string{"type": c.IPAM.Type},
		"dns": c.DNS, "kubeconfig": c.KubeConfig, "sharedDir": c.SharedDir, "logFile": c.LogFile, "logLevel": c.LogLevel,
		"vppApiSocket": c.VPPAPISocket, "host": c.Host, "container": container,
		"runtimeConfig": map[string]any{"mac": c.RequestedMAC, "ips": append([]string{}, spelt(c.RequestedIPs)...), "CNIDeviceInfoFile": c.DeviceInfoFile},
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}
