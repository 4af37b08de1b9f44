package usrspapp

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/userspace-cni/userspace-cni/cnivpp/vpp"
	"github.com/userspace-cni/userspace-cni/pkg/contract"
	"github.com/userspace-cni/userspace-cni/pkg/netconf"
)

var app = &App{SharedDir: "/shared", VPPAPISocket: "/run/vpp/api.sock"}

func TestSpec(t *testing.T) {
	routes := []vpp.Route{{Prefix: netip.MustParsePrefix("0.0.0.0/0"), Gateway: netip.MustParseAddr("10.0.0.1")}}
	for name, c := range map[string]struct {
		change func(*contract.Entry)
		want   string
	}{
		"interface": {
			func(*contract.Entry) {},
			"memif7/0 domain <nil> bvi <nil> [10.0.0.5/24] [0.0.0.0/0 via 10.0.0.1]",
		},
		"routed": {
			func(e *contract.Entry) { e.Routed = true },
			"memif7/0 domain <nil> bvi <nil> [10.0.0.5/32] [0.0.0.0/0 via 10.0.0.1]",
		},
		"an address twice": {
			func(e *contract.Entry) { e.IPResult.IPs = append(e.IPResult.IPs, e.IPResult.IPs[0]) },
			"memif7/0 domain <nil> bvi <nil> [10.0.0.5/24] [0.0.0.0/0 via 10.0.0.1]",
		},
		"none": {
			func(e *contract.Entry) { e.Config.NetType = netconf.NetTypeNone },
			"memif7/0 domain <nil> bvi <nil> [] []",
		},
		"bridge": {
			func(e *contract.Entry) { e.Config.NetType = netconf.NetTypeBridge },
			"memif7/0 domain 7 bvi loop7 [10.0.0.5/24] [0.0.0.0/0 via 10.0.0.1]",
		},
		"bridge with a number": {
			func(e *contract.Entry) {
				e.Config.NetType, e.Config.Bridge = netconf.NetTypeBridge, &netconf.Bridge{BridgeID: 40}
			},
			"memif7/0 domain 40 bvi loop7 [10.0.0.5/24] [0.0.0.0/0 via 10.0.0.1]",
		},
	} {
		t.Run(name, func(t *testing.T) {
			e := entry("n", "10.0.0.5/24")
			c.change(&e)
			spec, err := app.spec(e, 7, routes)
			if err != nil {
				t.Fatal(err)
			}
			domain, bvi := "<nil>", "<nil>"
			if spec.Domain != nil {
				domain, bvi = fmt.Sprint(spec.Domain.ID), spec.BVI.Interface()
			}
			got := fmt.Sprintf("%s domain %s bvi %s %v %v", spec.Endpoint.Interface(), domain, bvi, spec.Addresses, spec.Routes)
			if diff := cmp.Diff(c.want, got); diff != "" || spec.Tag != tagOf(e) {
				t.Errorf("tag %s, -want +got:\n%s", spec.Tag, diff)
			}
		})
	}
}

// TestRefused: what a hostile contract asks for is refused by name.
func TestRefused(t *testing.T) {
	for words, change := range map[string]func(*contract.Entry){
		`socketfile ""`:                  func(e *contract.Entry) { e.Config.Memif.SocketFile = "" },
		`socketfile ".."`:                func(e *contract.Entry) { e.Config.Memif.SocketFile = ".." },
		`socketfile "../api.sock"`:       func(e *contract.Entry) { e.Config.Memif.SocketFile = "../api.sock" },
		`socketfile "/run/vpp/api.sock"`: func(e *contract.Entry) { e.Config.Memif.SocketFile = "/run/vpp/api.sock" },
		`socketfile "a/b"`:               func(e *contract.Entry) { e.Config.Memif.SocketFile = "a/b" },
		`memif socket "abstract:a b"`: func(e *contract.Entry) {
			e.Config.Memif.SocketType, e.Config.Memif.SocketFile = netconf.SocketTypeAbstract, "a b"
		},
		`netType "bridged"`:   func(e *contract.Entry) { e.Config.NetType = "bridged" },
		`iftype "tap"`:        func(e *contract.Entry) { e.Config.IfType, e.Config.Memif = "tap", nil },
		`mtu 70000`:           func(e *contract.Entry) { e.Config.MTU = 70000 },
		`mode "inject-punt"`:  func(e *contract.Entry) { e.Config.Memif.Mode = "inject-punt" },
		`secret has 24 bytes`: func(e *contract.Entry) { e.Config.Memif.Secret = strings.Repeat("s", 24) },
	} {
		e := entry("n")
		change(&e)
		if _, err := app.spec(e, 1, nil); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%s: %v", words, err)
		}
	}
}

// TestSocket: an abstract socket has no path, and one whose path is too long is
// reached by a link beside VPP's API socket.
func TestSocket(t *testing.T) {
	abstract := entry("n").Config
	abstract.Memif.SocketType = netconf.SocketTypeAbstract
	for want, side := range map[string]netconf.Side{
		"abstract:memif-n.sock": abstract,
		"/shared/memif-n.sock":  entry("n").Config,
	} {
		if got, err := app.socket(side); got != want || err != nil {
			t.Errorf("%q, want %q (%v)", got, want, err)
		}
	}
	dir := t.TempDir()
	long := &App{SharedDir: filepath.Join(dir, strings.Repeat("l", 100)), VPPAPISocket: filepath.Join(dir, "api.sock")}
	got, err := long.socket(entry("n").Config)
	if target, _ := os.Readlink(filepath.Dir(got)); err != nil || filepath.Dir(filepath.Dir(got)) != dir || target != long.SharedDir {
		t.Errorf("socket %q by a link to %q (%v)", got, target, err)
	}
}
