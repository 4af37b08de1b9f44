package usrspapp

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.fd.io/govpp/binapi/fib_types"
	interfaces "go.fd.io/govpp/binapi/interface"
	"go.fd.io/govpp/binapi/ip"
	"go.fd.io/govpp/binapi/l2"
	"go.uber.org/goleak"

	"github.com/userspace-cni/userspace-cni/cnivpp/vpp"
	"github.com/userspace-cni/userspace-cni/pkg/netconf"
	"github.com/userspace-cni/userspace-cni/pkg/vppsim"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bench is a companion with a simulator, and what it logged.
type bench struct {
	*testing.T
	*companion
	logged *bytes.Buffer
}

func newBench(t *testing.T) *bench {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "ua") // short enough for a socket
	must(t, err)
	listener, err := net.Listen("unix", filepath.Join(dir, "api.sock"))
	must(t, err)
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- vppsim.New(vppsim.Options{}).Serve(ctx, listener) }()
	b := &bench{T: t, logged: &bytes.Buffer{}}
	b.companion = newCompanion(&App{
		VPPAPISocket: listener.Addr().String(), SharedDir: filepath.Join(dir, "shared"), PodInfo: filepath.Join(dir, "podinfo"),
		ReadyFile: filepath.Join(dir, "ready"), Log: slog.New(slog.NewTextHandler(b.logged, nil)),
	})
	must(t, os.Mkdir(b.SharedDir, 0o755))
	must(t, os.Mkdir(b.PodInfo, 0o755))
	t.Cleanup(func() {
		stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
		must(t, os.RemoveAll(dir))
	})
	return b
}

// restart is another usrsp-app on the same VPP.
func (b *bench) restart() {
	b.companion = newCompanion(b.App)
}

// reconciles asserts the error's words (none: no error), the interfaces that VPP
// has then, and that the ready file says the same.
func (b *bench) reconciles(words string, want ...string) {
	b.Helper()
	err := b.reconcile(b.Context())
	if (err == nil) != (words == "") || err != nil && !strings.Contains(err.Error(), words) {
		b.Errorf("error %v, want %q", err, words)
	}
	if diff := cmp.Diff(want, b.interfaces()); diff != "" {
		b.Errorf("interfaces, -want +got:\n%s", diff)
	}
	if _, missing := os.Stat(b.ReadyFile); (missing == nil) != (err == nil) {
		b.Errorf("ready: %v, although the error is %v", missing, err)
	}
}

// markMTU tells an interface that has been there from one that was made anew, for
// which VPP uses the index again.
const markMTU = 1234

// mark marks what VPP has.
func (b *bench) mark() {
	b.Helper()
	b.on(func(ctx context.Context, s *vpp.Session) error {
		all, err := s.Interfaces(ctx)
		for _, iface := range all {
			_, err := interfaces.NewServiceClient(s.Conn()).SwInterfaceSetMtu(ctx, &interfaces.SwInterfaceSetMtu{
				SwIfIndex: iface.Index, Mtu: []uint32{markMTU, 0, 0, 0},
			})
			must(b.T, err)
		}
		return err
	})
}

// interfaces are those of VPP; a star is behind one that was marked.
func (b *bench) interfaces() (names []string) {
	b.Helper()
	b.on(func(ctx context.Context, s *vpp.Session) error {
		all, err := s.Interfaces(ctx)
		for _, iface := range all {
			if iface.Index != 0 {
				name := iface.Name
				if iface.MTU == markMTU {
					name += "*"
				}
				names = append(names, name)
			}
		}
		return err
	})
	slices.Sort(names)
	return names
}

func (b *bench) on(do func(context.Context, *vpp.Session) error) {
	b.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	session, err := vpp.Connect(ctx, b.VPPAPISocket)
	must(b.T, err)
	defer session.Close()
	must(b.T, do(ctx, session))
}

// TestReconcile: networks come and go, each on its own, and nothing else is
// touched.
func TestReconcile(t *testing.T) {
	b := newBench(t)
	one := write(t, b.SharedDir, entry("a", "10.1.0.5/24"))
	write(t, b.SharedDir, entry("b", "10.2.0.5/24"))
	b.reconciles("", "memif1/0", "memif2/0")
	b.mark()
	lines := b.logged.Len()
	b.reconciles("", "memif1/0*", "memif2/0*")
	if b.logged.Len() != lines {
		t.Errorf("nothing to do was logged: %s", b.logged)
	}
	must(t, os.Remove(one))
	b.reconciles("", "memif2/0*")
	write(t, b.SharedDir, entry("c"))
	b.reconciles("", "memif1/0", "memif2/0*")
	must(t, os.Remove(write(t, b.SharedDir, entry("b"))))
	must(t, os.Remove(write(t, b.SharedDir, entry("c"))))
	b.reconciles("")
}

// TestReconcileChange: another address makes the interface anew under its
// number; so does another container ID.
func TestReconcileChange(t *testing.T) {
	b := newBench(t)
	write(t, b.SharedDir, entry("a", "10.1.0.5/24"))
	write(t, b.SharedDir, entry("b"))
	b.reconciles("", "memif1/0", "memif2/0")
	b.mark()
	file := write(t, b.SharedDir, entry("a", "10.1.0.6/24"))
	b.reconciles("", "memif1/0", "memif2/0*")
	b.mark()
	must(t, os.Remove(file))
	write(t, b.SharedDir, as(entry("a", "10.1.0.6/24"), "recreated", 9))
	b.reconciles("", "memif1/0", "memif2/0*")
}

// TestReconcileFailure: one network's error hampers no other, takes nothing away
// that works, and is logged once.
func TestReconcileFailure(t *testing.T) {
	b := newBench(t)
	write(t, b.SharedDir, entry("a"))
	b.reconciles("", "memif1/0")
	b.mark()
	wrong := entry("a")
	wrong.Config.Memif.Mode = "inject-punt"
	write(t, b.SharedDir, wrong)
	write(t, b.SharedDir, entry("b"))
	for range 2 {
		b.reconciles("network a, interface net1: memif mode", "memif1/0*", "memif2/0")
		b.report(t.Context(), b.reconcile(t.Context()))
	}
	if n := strings.Count(b.logged.String(), "level=ERROR"); n != 1 {
		t.Errorf("logged %d times:\n%s", n, b.logged)
	}
	write(t, b.SharedDir, entry("a"))
	b.reconciles("", "memif1/0*", "memif2/0")
}

// TestReconcileDamage: as long as the contract can't be read as a whole, nothing
// is removed: no network, and no leftover.
func TestReconcileDamage(t *testing.T) {
	b := newBench(t)
	file := write(t, b.SharedDir, entry("a"))
	write(t, b.SharedDir, entry("b"))
	b.reconciles("", "memif1/0", "memif2/0")
	b.mark()
	must(t, os.Truncate(file, 10))
	b.reconciles(filepath.Base(file), "memif1/0*", "memif2/0*")
	b.restart()
	write(t, b.SharedDir, entry("c"))
	b.reconciles(filepath.Base(file), "memif1/0*", "memif2/0*", "memif3/0")
	write(t, b.SharedDir, entry("a"))
	b.reconciles("", "memif1/0*", "memif2/0*", "memif3/0")

	must(t, os.Rename(b.SharedDir, b.SharedDir+".aside"))
	b.reconciles("no such file or directory", "memif1/0*", "memif2/0*", "memif3/0")
	b.restart()
	annotate(t, b.PodInfo, entry("a"))
	b.reconciles("", "memif1/0*", "memif2/0*", "memif3/0")
	must(t, os.Rename(b.SharedDir+".aside", b.SharedDir))
	must(t, os.Remove(file))
	b.reconciles("", "memif1/0*", "memif2/0*", "memif3/0") // the annotation tells of it yet
	annotate(t, b.PodInfo)
	b.reconciles("", "memif2/0*", "memif3/0")
}

// TestReconcileLeftover: what no network claims goes, with bridge and BVI, and
// its number is free; what isn't ours stays.
func TestReconcileLeftover(t *testing.T) {
	b := newBench(t)
	bridged := via(entry("a", "10.1.0.5/24>10.1.0.1"), "0.0.0.0/0")
	bridged.Config.NetType = netconf.NetTypeBridge
	file := write(t, b.SharedDir, bridged)
	write(t, b.SharedDir, entry("b"))
	b.reconciles("", "loop1", "memif1/0", "memif2/0")
	b.mark()
	must(t, os.Remove(file))
	b.restart()
	write(t, b.SharedDir, entry("c"))
	b.reconciles("", "memif1/0", "memif2/0*")
	if domains := b.domains(); len(domains) > 0 {
		t.Errorf("bridge domains are left: %v", domains)
	}
}

func (b *bench) domains() (ids []uint32) {
	b.Helper()
	b.on(func(ctx context.Context, s *vpp.Session) error {
		dump, err := l2.NewServiceClient(s.Conn()).BridgeDomainDump(ctx, &l2.BridgeDomainDump{BdID: ^uint32(0), SwIfIndex: vpp.NoIndex})
		must(b.T, err)
		return vpp.Drain(dump.Recv, func(d *l2.BridgeDomainDetails) {
			if d.BdID != 0 {
				ids = append(ids, d.BdID)
			}
		})
	})
	return ids
}

// TestReconcileRoutes: the first network has the default route, the next one
// takes over, VPP has it once, and nothing is left of a leftover's.
func TestReconcileRoutes(t *testing.T) {
	b := newBench(t)
	first := via(entry("a", "10.1.0.5/24>10.1.0.1"), "0.0.0.0/0")
	second := via(entry("b", "10.2.0.5/24>10.2.0.1"), "0.0.0.0/0")
	file := write(t, b.SharedDir, second)
	b.reconciles("", "memif1/0")
	b.mustRoute("10.2.0.1")
	earlier := write(t, b.SharedDir, first)
	b.mark()
	b.reconciles("", "memif1/0*", "memif2/0")
	b.mustRoute("10.1.0.1")
	must(t, os.Remove(earlier))
	b.reconciles("", "memif1/0*")
	b.mustRoute("10.2.0.1")
	b.restart()
	must(t, os.Remove(file))
	write(t, b.SharedDir, entry("c"))
	b.reconciles("", "memif1/0")
	b.mustRoute()
}

// mustRoute asserts the next hops of the default route.
func (b *bench) mustRoute(hops ...string) {
	b.Helper()
	var got []string
	b.on(func(ctx context.Context, s *vpp.Session) error {
		dump, err := ip.NewServiceClient(s.Conn()).IPRouteDump(ctx, &ip.IPRouteDump{})
		must(b.T, err)
		return vpp.Drain(dump.Recv, func(d *ip.IPRouteDetails) {
			for _, path := range d.Route.Paths {
				if d.Route.Prefix.Len == 0 && path.Type == fib_types.FIB_API_PATH_TYPE_NORMAL {
					hop := path.Nh.Address.GetIP4()
					got = append(got, hop.String())
				}
			}
		})
	})
	if diff := cmp.Diff(hops, got); diff != "" {
		b.Errorf("default route, -want +got:\n%s", diff)
	}
}

// TestReconcileLink: the link to a directory with a long path goes with its
// network.
func TestReconcileLink(t *testing.T) {
	b := newBench(t)
	b.SharedDir = filepath.Join(b.SharedDir, strings.Repeat("l", 100))
	must(t, os.Mkdir(b.SharedDir, 0o755))
	links := func() (all []string) {
		entries, err := os.ReadDir(filepath.Dir(b.VPPAPISocket))
		must(t, err)
		for _, e := range entries {
			if e.Type()&os.ModeSymlink != 0 {
				all = append(all, e.Name())
			}
		}
		return all
	}
	file := write(t, b.SharedDir, entry("a"))
	b.reconciles("", "memif1/0")
	if len(links()) != 1 {
		t.Errorf("links %q, want one", links())
	}
	write(t, b.SharedDir, entry("a", "10.0.0.1/24")) // made anew
	b.reconciles("", "memif1/0")
	if len(links()) != 1 {
		t.Errorf("links %q, want one", links())
	}
	must(t, os.Remove(file))
	b.reconciles("")
	if len(links()) != 0 {
		t.Errorf("links %q are left", links())
	}
}
