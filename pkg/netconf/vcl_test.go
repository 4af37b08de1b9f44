package netconf

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestIsWanted(t *testing.T) {
	for _, c := range []struct {
		network, says string
		want          bool
	}{
		{"", "", true},
		{VCLEnable, "", true},
		{VCLDisable, "", false},
		{VCLEnable, VCLDisable, false},
		{VCLDisable, VCLEnable, true},
		{VCLEnable, VCLEnable, true},
		{VCLDisable, VCLDisable, false},
	} {
		conf := NetConf{Host: Side{IfType: IfTypeVCL, VCL: &VCL{Default: c.network}}}
		if got, err := conf.IsWanted(c.says); got != c.want || err != nil {
			t.Errorf("network %q, pod %q: %t, %v", c.network, c.says, got, err)
		}
	}
}

// TestIsWantedRefuses: a word that is neither is no reason to guess.
func TestIsWantedRefuses(t *testing.T) {
	conf := NetConf{Host: Side{IfType: IfTypeVCL, VCL: &VCL{}}}
	for says, shown := range map[string]string{
		"Enable": `"Enable" is not allowed; allowed: "enable", "disable"`, " ": `" "`, "true": `"true"`, "a\nb": `"a\nb"`,
		strings.Repeat("x", 100000): strings.Repeat("x", 64) + `"…`,
	} {
		wanted, err := conf.IsWanted(says)
		var all Errors
		if wanted || !errors.As(err, &all) || !strings.Contains(err.Error(), shown) || len(err.Error()) > 200 {
			t.Errorf("%.20q: %t, %v", says, wanted, err)
			continue
		}
		mustBeFaults(t, err)
		if !strings.Contains(err.Error(), OptInAnnotation) {
			t.Errorf("%v doesn't name the annotation", err)
		}
	}
}

// TestEverybodyWantsOthers: the annotation is about VCL alone.
func TestEverybodyWantsOthers(t *testing.T) {
	for _, side := range []Side{{IfType: IfTypeMemif, Memif: &Memif{}}, {IfType: IfTypeVhostUser, Vhost: &Vhost{}}} {
		for _, says := range []string{"", VCLDisable, "nonsense"} {
			conf := NetConf{Host: side}
			if wanted, err := conf.IsWanted(says); !wanted || err != nil {
				t.Errorf("%s, %q: %t, %v", side.IfType, says, wanted, err)
			}
		}
	}
}

func TestSocketOfVCL(t *testing.T) {
	for _, c := range []struct {
		name string
		side Side
		want Socket
	}{
		{"defaults", Side{VCL: &VCL{SocketType: SocketTypeAbstract}}, Socket{Abstract: true, Listens: true, Preferred: "vpp/session"}},
		{"as DEL reads it", Side{}, Socket{Abstract: true, Listens: true, Preferred: "vpp/session"}},
		{"a name", Side{VCL: &VCL{SocketName: "a/b"}}, Socket{Name: "a/b", Abstract: true, Listens: true, Preferred: "vpp/session"}},
		{
			"a file",
			Side{VCL: &VCL{SocketType: SocketTypeFile, SocketName: "a", SocketOwner: "1", SocketGroup: "2", SocketMode: "0660"}},
			Socket{Name: "a", Listens: true, Owner: "1", Group: "2", Mode: "0660"},
		},
		{
			"other blocks",
			Side{Memif: &Memif{SocketFile: "m", Secret: "hush"}, Vhost: &Vhost{SocketFile: "v"}, VCL: &VCL{SocketName: "c"}},
			Socket{Name: "c", Abstract: true, Listens: true, Preferred: "vpp/session"},
		},
	} {
		c.side.IfType = IfTypeVCL
		c.want.OwnerField, c.want.GroupField = "vcl.socketOwner", "vcl.socketGroup"
		if diff := cmp.Diff(c.want, c.side.Socket()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

// TestSideWith: what is changed in a copy stays as it was in the side.
func TestSideWith(t *testing.T) {
	side := Side{IfType: IfTypeVCL, VCL: &VCL{Scopes: []string{ScopeLocal}}}
	addresses := []netip.Addr{netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("fd00::1")}
	got := side.WithSocket("vpp/session-net2").WithHost(addresses, "26.06").WithoutSecret().WithSecretOf(Side{Memif: &Memif{Secret: "hush"}})
	want := `{"iftype":"vcl","vcl":{"socketName":"vpp/session-net2","scopes":["local"],"addresses":["10.0.0.1","fd00::1"],"vppRelease":"26.06"}}`
	if diff := cmp.Diff(want, compact(t, got)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if side.VCL.SocketName != "" || side.VCL.Addresses != nil {
		t.Errorf("changed: %s", compact(t, side))
	}
	if memif := (Side{IfType: IfTypeMemif, Memif: &Memif{}}).WithHost(addresses, "26.06"); memif.VCL != nil {
		t.Errorf("a memif with addresses: %s", compact(t, memif))
	}
}

func TestDerivedVCL(t *testing.T) {
	host := VCL{
		Default: VCLDisable, SocketName: "a", SocketType: SocketTypeFile, SocketOwner: "1", SocketGroup: "2", SocketMode: "0660",
		Scopes: []string{ScopeGlobal}, RxFifoSize: 4096, TxFifoSize: 8192,
	}
	for _, c := range []struct {
		name      string
		container VCL
		want      VCL
	}{
		{"all", VCL{}, VCL{SocketName: "a", SocketType: SocketTypeFile, Scopes: []string{ScopeGlobal}, RxFifoSize: 4096, TxFifoSize: 8192}},
		{
			"its own",
			VCL{Scopes: []string{ScopeLocal}, RxFifoSize: 1 << 20, TxFifoSize: 1 << 30},
			VCL{SocketName: "a", SocketType: SocketTypeFile, Scopes: []string{ScopeLocal}, RxFifoSize: 1 << 20, TxFifoSize: 1 << 30},
		},
	} {
		got := derivedVCL(host, c.container)
		if diff := cmp.Diff(&c.want, got, cmpopts.EquateComparable(netip.Addr{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
		got.Scopes[0] = ""
	}
	if host.Scopes[0] != ScopeGlobal {
		t.Error("both sides have one list of scopes")
	}
}

// TestVCLWithoutIPAM: addresses are asked for in any of three places.
func TestVCLWithoutIPAM(t *testing.T) {
	for in, ok := range map[string]bool{"": false, "IP=10.0.0.1": false, "IP=10.0.0.1/24": true, "IP=10.0.0.1,fd00::1/64": true} {
		args, err := ParseArgs(in)
		if err != nil {
			t.Fatal(err)
		}
		conf, err := ParseFor([]byte(noIPAM), args)
		if (err == nil) != ok {
			t.Errorf("%q: %v", in, err)
		}
		if ok && (len(conf.StaticAddresses()) != 1 || conf.Container.NetType != NetTypeInterface) {
			t.Errorf("%q: %v, netType %s", in, conf.StaticAddresses(), conf.Container.NetType)
		}
	}
}

func TestNoDeviceInfoOfVCL(t *testing.T) {
	if info, ok := (Side{IfType: IfTypeVCL, VCL: &VCL{}}).DeviceInfo("/a"); ok {
		t.Errorf("%+v", info)
	}
}
