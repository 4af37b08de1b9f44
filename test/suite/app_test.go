package suite

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.fd.io/govpp/binapi/ip"
	"go.fd.io/govpp/binapi/ip_types"

	"github.com/userspace-cni/userspace-cni/cnivpp/vpp"
	"github.com/userspace-cni/userspace-cni/test/lab"
)

// TestAppTwice configures again: nothing is done twice.
func TestAppTwice(t *testing.T) {
	onEach(t, func(b *bench) {
		p := b.pod("pod")
		a := p.attach(b.network("net", b.hostLocal(1), object{
			"container": object{"mtu": 1400, "mac": "02:00:00:00:00:09"},
			"host": object{
				"iftype": "memif", "netType": "bridge", "bridge": object{"bridgeId": 4}, "memif": object{"secret": "known to both"},
			},
		}), "net1")
		a.add()
		before := p.configure(1)
		if got := before[0]; got.MTU != 1400 || got.MAC != "02:00:00:00:00:09" {
			b.Errorf("the interface is %+v, want MTU 1400 and the MAC as asked", got)
		}
		p.mustBeDone()
		a.del()
	})
}

// mustBeDone asserts that usrsp-app looks at VPP and finds nothing to do.
func (p *pod) mustBeDone() {
	p.b.Helper()
	proxy, err := lab.NewProxy(filepath.Join(p.b.dir, "proxy"), p.vpp.APISocket)
	must(p.b, err)
	_, _, err = lab.App(bin, "--once", "--vpp-api-socket", proxy.Path, "--shared-dir", p.sharedDir())
	must(p.b, err)
	must(p.b, proxy.Close())
	p.b.onlyLooked(proxy)
}

// onlyLooked asserts that there were requests, and none that changes anything.
func (b *bench) onlyLooked(proxy *lab.Proxy) {
	b.Helper()
	for _, message := range proxy.Seen() {
		if !strings.HasSuffix(message, "_dump") && !strings.HasSuffix(message, "_lookup") {
			b.Errorf("the second run sent %s", message)
		}
	}
	if len(proxy.Seen()) == 0 {
		b.Error("the second run didn't look at VPP at all")
	}
}

// TestAppAnnotation gives the app the contract by the downward API alone, as
// the kubelet writes it.
func TestAppAnnotation(t *testing.T) {
	onEach(t, func(b *bench) {
		p := b.pod("pod")
		a := p.attach(b.network("net", b.hostLocal(1)), "net1")
		a.add()
		podinfo := filepath.Join(b.dir, "podinfo")
		must(b, os.MkdirAll(podinfo, 0o755))
		line := fmt.Sprintf("userspace/configuration-data=%q\n", "["+a.contract()+"]")
		must(b, os.WriteFile(filepath.Join(podinfo, "annotations"), []byte(line), 0o644))
		files, _ := filepath.Glob(filepath.Join(p.sharedDir(), "configData-*.json"))
		must(b, os.Remove(files[0]))
		_, _, err := lab.App(bin, p.flags("--once", "--timeout", "10s", "--podinfo", podinfo)...)
		must(b, err)
		p.connected(1)
		a.del()
	})
}

// TestAppRoutes gives the app addresses and routes of every sort, doubled ones
// and one that an address brings with it among them.
func TestAppRoutes(t *testing.T) {
	onEach(t, func(b *bench) {
		p := b.pod("pod")
		a := p.attach(b.network("net", object{"ipam": object{"type": "fake"}}), "net1")
		a.env = b.fakeIPAM(answer(`{"cniVersion":"1.1.0",
			"ips":[{"address":"10.0.0.1/24","gateway":"10.0.0.254"},{"address":"10.0.0.1/24"},{"address":"fd00::1/64"}],
			"routes":[{"dst":"0.0.0.0/0"},{"dst":"192.0.2.0/24","gw":"10.0.0.9"},{"dst":"192.0.2.0/24","gw":"10.0.0.9"},
				{"dst":"10.0.0.0/24"},{"dst":"2001:db8::/32","gw":"fd00::9"}]}`))
		a.add()
		p.configure(1)
		want := []string{"0.0.0.0/0 via 10.0.0.254", "192.0.2.0/24 via 10.0.0.9", "2001:db8::/32 via fd00::9"}
		if got := p.routesVia(); !slices.Equal(got, want) {
			b.Errorf("routes through a gateway: %q, want %q", got, want)
		}
		p.mustBeDone()
		a.del()
	})
}

// routesVia lists the routes of the pod's VPP that have a next hop.
func (p *pod) routesVia() []string {
	p.b.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	session, err := vpp.Connect(ctx, p.vpp.APISocket)
	must(p.b, err)
	defer session.Close()
	var all []string
	for _, route := range routesOf(p.b, session) {
		for _, path := range route.Paths {
			hop := ip_types.Address{Af: route.Prefix.Address.Af, Un: path.Nh.Address}
			isNeighbour := ip_types.NewAddress(hop.ToIP()) == route.Prefix.Address
			if !hop.ToIP().IsUnspecified() && !isNeighbour {
				all = append(all, route.Prefix.String()+" via "+hop.String())
			}
		}
	}
	slices.Sort(all)
	return all
}

// routesOf lists what table 0 has, v4 and v6.
func routesOf(b *bench, session *vpp.Session) []ip.IPRoute {
	b.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	var all []ip.IPRoute
	for _, v6 := range []bool{false, true} {
		dump, err := ip.NewServiceClient(session.Conn()).IPRouteDump(ctx, &ip.IPRouteDump{Table: ip.IPTable{IsIP6: v6}})
		must(b, err)
		must(b, vpp.Drain(dump.Recv, func(d *ip.IPRouteDetails) { all = append(all, d.Route) }))
	}
	return all
}

// TestAppDefaultRoutes has two networks bring a default route each: the first
// network's counts, and the other is reported.
func TestAppDefaultRoutes(t *testing.T) {
	onEach(t, func(b *bench) {
		p := b.pod("pod")
		var all []attachment
		for i, name := range []string{"first", "second"} {
			conf := b.network(name, b.hostLocal(i+1))
			conf["ipam"].(object)["routes"] = []any{object{"dst": "0.0.0.0/0"}}
			a := p.attach(conf, "net"+string(rune('1'+i)))
			a.add()
			all = append(all, a)
		}
		_, stderr, err := lab.App(bin, p.flags("--once")...)
		must(b, err)
		if !strings.Contains(stderr, "0.0.0.0/0") || !strings.Contains(stderr, "network=second") || !strings.Contains(stderr, "earlier=first") {
			b.Errorf("the second default route is not reported:\n%s", stderr)
		}
		if got := p.routesVia(); !slices.Equal(got, []string{"0.0.0.0/0 via 10.1.0.1"}) {
			b.Errorf("routes through a gateway: %q, want that of the first network alone", got)
		}
		for _, a := range all {
			a.del()
		}
	})
}

// TestAppFails asserts that each thing that is missing or wrong is named.
func TestAppFails(t *testing.T) {
	b := newBench(t, engines[0])
	p := b.pod("pod")
	fail := func(what string, words ...string) {
		t.Helper()
		_, _, err := lab.App(bin, p.flags("--once", "--timeout", "50ms")...)
		if err == nil {
			t.Errorf("%s: no error", what)
			return
		}
		for _, word := range words {
			if !strings.Contains(err.Error(), word) {
				t.Errorf("%s: the error does not say %q: %v", what, word, err)
			}
		}
	}
	fail("no contract", "no contract in "+p.sharedDir())

	first := p.attach(b.network("first", b.hostLocal(1)), "net1")
	second := p.attach(b.network("second", b.hostLocal(2)), "net2")
	first.add()
	second.add()
	files, _ := filepath.Glob(filepath.Join(p.sharedDir(), "configData-*.json"))
	for i, file := range files {
		data, err := os.ReadFile(file)
		must(b, err)
		broken := strings.Replace(string(data), `"mode":"ethernet"`, `"mode":"inject-punt"`, 1)
		must(b, os.WriteFile(file, []byte(broken), 0o644))
		if broken == string(data) || len(files) != 2 {
			t.Fatalf("contract %d has no mode to break: %s", i, data)
		}
	}
	fail("two wrong contracts", "network first, interface net1", "network second, interface net2", "inject-punt")
	if shown := p.show(); len(shown) != 0 {
		t.Errorf("wrong contracts made interfaces: %+v", shown)
	}
	must(b, p.vpp.Kill())
	fail("no VPP", "VPP is not running", p.vpp.APISocket)
	first.del()
	second.del()
}

// TestAppStays runs the app as a pod's companion: it is there until SIGTERM,
// and configures again when the pod's VPP was restarted.
func TestAppStays(t *testing.T) {
	onEach(t, func(b *bench) {
		p := b.pod("pod")
		ready := filepath.Join(b.dir, "ready")
		must(b, os.WriteFile(ready, nil, 0o644)) // of an app that was killed
		app := exec.Command(filepath.Join(bin, "usrsp-app"), p.flags("--ready-file", ready)...)
		app.Stderr = os.Stderr
		must(b, app.Start())
		defer app.Process.Kill()

		within(b.T, 10*time.Second, "unready at first", func() bool { return !exists(ready)() })
		a := p.attach(b.network("net", b.hostLocal(1)), "net1")
		a.add()
		within(b.T, 10*time.Second, "ready", exists(ready))
		p.connected(1)

		must(b, p.vpp.Kill())
		within(b.T, 10*time.Second, "unready", func() bool { return !exists(ready)() })
		must(b, p.vpp.Start())
		within(b.T, 10*time.Second, "ready again", exists(ready))
		p.connected(1)

		must(b, app.Process.Signal(syscall.SIGTERM))
		if err := app.Wait(); err != nil {
			b.Errorf("after SIGTERM: %v", err)
		}
		if exists(ready)() {
			b.Error("the ready file outlived the app")
		}
		a.del()
	})
}

func exists(path string) func() bool {
	return func() bool {
		_, err := os.Stat(path)
		return err == nil
	}
}
