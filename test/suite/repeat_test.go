package suite

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/userspace-cni/userspace-cni/pkg/state"
	"github.com/userspace-cni/userspace-cni/test/lab"
)

// TestDelWithoutThings takes away, one at a time, what DEL might lean on.
func TestDelWithoutThings(t *testing.T) {
	cases := map[string]func(b *bench, a *attachment){
		"nothing missing": func(*bench, *attachment) {},
		"netns":           func(_ *bench, a *attachment) { a.netns = "/run/netns/gone" },
		"netns, unknown":  func(_ *bench, a *attachment) { a.netns = "" },
		"shared directory": func(b *bench, _ *attachment) {
			must(b, os.RemoveAll(b.sharedDir()))
		},
		"record": func(b *bench, _ *attachment) {
			must(b, os.RemoveAll(filepath.Join(state.DefaultDir, "records")))
			must(b, os.RemoveAll(filepath.Join(state.DefaultDir, "numbers")))
		},
		"record, damaged": func(b *bench, a *attachment) {
			must(b, os.WriteFile(a.recordPath(), []byte(`{"version":1,"netw`), 0o600))
		},
		"record, of a newer version": func(b *bench, a *attachment) {
			must(b, os.WriteFile(a.recordPath(), []byte(`{"version":99}`), 0o600))
		},
		"record, and the configuration is no longer valid": func(b *bench, a *attachment) {
			must(b, os.Remove(a.recordPath()))
			must(b, os.RemoveAll(filepath.Join(state.DefaultDir, "numbers")))
			a.conf = encode(b.T, b.network("net", b.hostLocal(1), object{"host": object{"iftype": "nonsense"}}))
		},
		"valid configuration": func(b *bench, a *attachment) {
			a.conf = encode(b.T, b.network("net", b.hostLocal(1), object{"host": object{"iftype": "nonsense"}}))
		},
		"VPP": func(b *bench, _ *attachment) { must(b, b.host.Kill()) },
		"VPP and record": func(b *bench, a *attachment) {
			must(b, b.host.Kill())
			must(b, os.Remove(a.recordPath()))
			must(b, os.RemoveAll(filepath.Join(state.DefaultDir, "numbers")))
		},
		"the objects on VPP: it was restarted": func(b *bench, _ *attachment) {
			b.restartVPP()
		},
	}
	onEach(t, func(b *bench) {
		for name, take := range cases {
			a := b.attach(b.network("net", b.hostLocal(1)), "deleted", "net1")
			a.add()
			take(b, &a)
			a.del()
			if left := b.left(); left != "" {
				b.Errorf("without %s: left behind:\n%s", name, left)
			}
			a.del() // again
			select {
			case <-b.host.Exited():
				must(b, b.host.Start())
			default:
			}
		}
		b.attach(b.network("net", b.hostLocal(1)), "never-added", "net1").del()
	})
}

func must(b *bench, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

func (a attachment) recordPath() string {
	a.b.Helper()
	all, err := filepath.Glob(filepath.Join(state.DefaultDir, "records", "*.json"))
	if err != nil || len(all) != 1 {
		a.b.Fatalf("records: %v, %v; want one", all, err)
	}
	return all[0]
}

// TestAddTwice repeats an ADD: the same addresses, the same interface, and the
// pod's connection isn't cut.
func TestAddTwice(t *testing.T) {
	onEach(t, func(b *bench) {
		one, two := b.pod("pod-1"), b.pod("pod-2")
		first := one.attach(b.network("net", b.hostLocal(1), object{"vppApiSocket": b.switched()}), "net1")
		second := two.attach(b.network("net", b.hostLocal(1)), "net1")
		before := first.add()
		peer := second.add().IPs[0].Address.IP.String()
		one.configure(1)
		two.configure(1)
		one.mustReach(peer)
		objects := b.left()

		proxy, err := lab.NewProxy(filepath.Join(b.dir, "proxy"), b.host.APISocket)
		must(b, err)
		b.link(proxy.Path, b.switched())
		if after := first.add(); !reflect.DeepEqual(after, before) {
			b.Errorf("the result of the second ADD differs:\n%+v\n%+v", before, after)
		}
		b.switched()
		must(b, proxy.Close())
		b.onlyLooked(proxy)
		if now := b.left(); now != objects {
			b.Errorf("the second ADD changed something:\n%s\n\n%s", objects, now)
		}
		one.mustReach(peer)

		// The configuration changed: the new one counts.
		first.conf = encode(b.T, b.network("net", b.hostLocal(1), object{"host": object{
			"iftype": "memif", "netType": "bridge", "bridge": object{"bridgeId": 9},
		}}))
		first.add()
		if now := b.left(); !strings.Contains(now, "bridge-domain 9 ") {
			b.Errorf("the ADD with another bridge did not count:\n%s", now)
		}
		first.del()
		second.del()
	})
}

// TestRestartedVPP adds again after VPP came back empty, when other interfaces
// have taken the indexes: the addresses stay, and nobody else is touched.
func TestRestartedVPP(t *testing.T) {
	onEach(t, func(b *bench) {
		one, two := b.pod("pod-1"), b.pod("pod-2")
		first := one.attach(b.network("net", b.hostLocal(1)), "net1")
		second := two.attach(b.network("net", b.hostLocal(1)), "net1")
		before := first.add()
		peer := second.add().IPs[0].Address.IP.String()
		one.configure(1)
		two.configure(1)

		contract := first.contract()
		b.restartVPP()
		second.add() // takes the first index, which was the other's
		if after := first.add(); !reflect.DeepEqual(after, before) {
			b.Errorf("the result after the restart differs:\n%+v\n%+v", before, after)
		}
		if after := first.contract(); after != contract {
			b.Errorf("the contract after the restart differs:\n%s\n%s", contract, after)
		}
		one.connected(1)
		two.connected(1)
		one.mustReach(peer)
		first.del()
		one.mustNotReach(peer)
		if left := b.left(); !strings.Contains(left, "with 1 ports") {
			b.Errorf("DEL took more than its own:\n%s", left)
		}
		second.del()
	})
}

// contract is what the attachment's pod is told.
func (a attachment) contract() string {
	a.b.Helper()
	files, err := filepath.Glob(filepath.Join(a.b.sharedDir(), a.id, "configData-*.json"))
	if err != nil || len(files) != 1 {
		a.b.Fatalf("contracts: %v, %v; want one", files, err)
	}
	data, err := os.ReadFile(files[0])
	must(a.b, err)
	if info, err := os.Stat(files[0]); err != nil || info.Mode().Perm() != 0o644 {
		a.b.Errorf("the contract can't be read by the pod's user: %v, %v", info.Mode(), err)
	}
	return string(data)
}

// TestCheck compares with what ADD left: nothing to do, or the steps are named.
func TestCheck(t *testing.T) {
	onEach(t, func(b *bench) {
		a := b.attach(b.network("net", b.hostLocal(1)), "checked", "net1")
		a.mustFail("CHECK", 102, "no record")
		a.add()
		must(b, a.call("CHECK").Error())
		must(b, os.RemoveAll(b.sharedDir()))
		a.mustFail("CHECK", 102, "write "+b.sharedDir())
		must(b, b.host.Kill())
		a.mustFail("CHECK", 11, "VPP is not running")
		must(b, b.host.Start())
		a.mustFail("CHECK", 102, "create bridge-domain 4", "create memif")
		a.add()
		must(b, a.call("CHECK").Error())
		a.del()
	})
}
