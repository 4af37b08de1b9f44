package usrspapp

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/userspace-cni/userspace-cni/pkg/contract"
	"github.com/userspace-cni/userspace-cni/pkg/netconf"
)

// TestIdle: a pod of vhost-user interfaces alone is ready without a VPP, says so
// once, and goes on to VPP when an interface wants one.
func TestIdle(t *testing.T) {
	b := newBench(t)
	socket := b.VPPAPISocket
	b.VPPAPISocket += ".later"
	b.Timeout = 20 * time.Second
	file := write(t, b.SharedDir, vhost("a", netconf.VhostServer))
	must(t, b.Once(t.Context()))
	b.mustBeReady(true)

	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- b.App.Run(ctx) }()
	b.becomesReady(true)
	must(t, os.Truncate(file, 10))
	b.becomesReady(false)
	write(t, b.SharedDir, vhost("a", netconf.VhostServer))
	b.becomesReady(true)
	write(t, b.SharedDir, entry("b"))
	b.becomesReady(false)
	must(t, os.Symlink(socket, b.VPPAPISocket)) // VPP starts
	b.becomesReady(true)
	stop()
	must(t, <-ended)
	if got := b.interfaces(); len(got) != 1 || got[0] != "memif1/0" {
		t.Errorf("interfaces %q, want that of the memif network alone", got)
	}
	if n := strings.Count(b.logged.String(), "not waiting for a VPP"); n != 2 {
		t.Errorf("said %d times in two runs:\n%s", n, b.logged)
	}
}

func (b *bench) isReady() bool {
	_, err := os.Stat(b.ReadyFile)
	return err == nil
}

func (b *bench) mustBeReady(want bool) {
	b.Helper()
	if b.isReady() != want {
		b.Errorf("ready %t, want %t", !want, want)
	}
}

func (b *bench) becomesReady(want bool) {
	b.Helper()
	for until := time.Now().Add(20 * time.Second); b.isReady() != want; time.Sleep(time.Millisecond) {
		if time.Now().After(until) {
			b.Fatalf("ready %t, want %t", !want, want)
		}
	}
}

// TestReconcileVhost: beside a memif the vhost-user interface is left alone, and
// takes no number and no route of VPP's.
func TestReconcileVhost(t *testing.T) {
	b := newBench(t)
	write(t, b.SharedDir, as(via(vhost("a", netconf.VhostServer, "10.1.0.5/24>10.1.0.1"), "0.0.0.0/0"), "c", 1))
	file := write(t, b.SharedDir, as(via(entry("b", "10.2.0.5/24>10.2.0.1"), "0.0.0.0/0"), "c", 2))
	b.reconciles("", "memif1/0")
	b.mustRoute("10.2.0.1")
	must(t, os.Remove(file))
	b.reconciles("")
}

// vcl is an entry of a VCL endpoint.
func vcl(name string) contract.Entry {
	e := entry(name, "10.3.0.5/32")
	e.Config.IfType, e.Config.Memif = netconf.IfTypeVCL, nil
	e.Config.VCL = &netconf.VCL{
		SocketName: "vpp/session", SocketType: netconf.SocketTypeAbstract,
		Scopes: []string{netconf.ScopeLocal, netconf.ScopeGlobal},
	}
	return e
}

// TestReconcileVCL: so is a VCL endpoint; alone, it needs no VPP.
func TestReconcileVCL(t *testing.T) {
	b := newBench(t)
	write(t, b.SharedDir, as(vcl("a"), "c", 1))
	file := write(t, b.SharedDir, as(entry("b"), "c", 2))
	b.reconciles("", "memif1/0")
	must(t, os.Remove(file))
	b.reconciles("")
	b.VPPAPISocket += ".none"
	must(t, b.Once(t.Context()))
	b.mustBeReady(true)
}
