package suite

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/userspace-cni/userspace-cni/test/lab"
)

// TestAppTwice configures again: nothing is done twice.
func TestAppTwice(t *testing.T) {
	onEach(t, func(b *bench) {
		p := b.pod("pod")
		a := p.attach(b.network("net", b.hostLocal(1), object{"container": object{"mtu": 1400, "mac": "02:00:00:00:00:09"}}), "net1")
		a.add()
		before := p.configure(1)
		if got := before[0]; got.MTU != 1400 || got.MAC != "02:00:00:00:00:09" {
			b.Errorf("the interface is %+v, want MTU 1400 and the MAC as asked", got)
		}
		proxy, err := lab.NewProxy(filepath.Join(b.dir, "proxy"), p.vpp.APISocket)
		must(b, err)
		_, _, err = lab.App(bin, "--once", "--vpp-api-socket", proxy.Path, "--shared-dir", p.sharedDir())
		must(b, err)
		must(b, proxy.Close())
		for _, message := range proxy.Seen() {
			if !strings.HasSuffix(message, "_dump") {
				b.Errorf("the second run sent %s", message)
			}
		}
		if len(proxy.Seen()) == 0 {
			b.Error("the second run didn't look at VPP at all")
		}
		a.del()
	})
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
		app := exec.Command(filepath.Join(bin, "usrsp-app"), p.flags("--ready-file", ready)...)
		app.Stderr = os.Stderr
		must(b, app.Start())
		defer app.Process.Kill()

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
