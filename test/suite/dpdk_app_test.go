package suite

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/userspace-cni/userspace-cni/test/lab"
	usrspapp "github.com/userspace-cni/userspace-cni/usrsp-app"
)

// TestAppVhost runs the app in a pod of vhost-user interfaces alone, without a
// VPP: it is ready all the same, and stays. Beside a memif it configures that.
func TestAppVhost(t *testing.T) {
	onEach(t, func(b *bench) {
		p := b.pod("pod")
		must(b, p.vpp.Kill())
		vhost := p.attach(b.overVhost("server"), "net1")
		vhost.add()
		ready := filepath.Join(b.dir, "ready")
		app := exec.Command(filepath.Join(bin, "usrsp-app"), p.flags("--ready-file", ready)...)
		app.Stderr = os.Stderr
		must(b, app.Start())
		defer app.Process.Kill()
		within(b.T, 10*time.Second, "ready without a VPP", exists(ready))

		memif := p.attach(b.network("memif", b.hostLocal(1)), "net2")
		memif.add()
		within(b.T, 10*time.Second, "unready", func() bool { return !exists(ready)() })
		must(b, p.vpp.Start())
		within(b.T, 20*time.Second, "ready with a VPP", exists(ready))
		if shown := p.connected(1); len(shown) != 1 || shown[0].Name != "memif1/0" {
			b.Errorf("the pod's VPP has %+v, want the memif alone", shown)
		}
		must(b, app.Process.Signal(syscall.SIGTERM))
		must(b, app.Wait())
		memif.del()
		vhost.del()
	})
}

// TestDPDKTold compares what the built programs tell an application with what
// the runtime was told.
func TestDPDKTold(t *testing.T) {
	onEach(t, func(b *bench) {
		p := b.application("pod", 1)
		a := p.attach(b.overVhost("server", b.hostLocal(1)), "net1")
		result := a.add()
		out, _, err := lab.App(bin, "dpdk-args", "--json", "--shared-dir", p.sharedDir(), "--timeout", "20s")
		must(b, err)
		var told usrspapp.DPDK
		must(b, json.Unmarshal([]byte(out), &told))
		if len(told.Interfaces) != 1 || len(told.Interfaces[0].Addresses) != len(result.IPs) {
			b.Fatalf("told %s, want one interface with %d addresses", out, len(result.IPs))
		}
		first := told.Interfaces[0]
		if info, err := os.Stat(first.Socket); err != nil || info.Mode().Type() != os.ModeSocket {
			b.Errorf("the socket %s: %v", first.Socket, err)
		}
		if first.MAC != result.Interfaces[0].Mac || first.Addresses[0].String() != result.IPs[0].Address.String() {
			b.Errorf("told %s, want the MAC %s and the address %s", out, result.Interfaces[0].Mac, &result.IPs[0].Address)
		}
		a.del()
	})
}
