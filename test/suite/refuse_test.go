package suite

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/userspace-cni/userspace-cni/pkg/vppsim/fault"
	"github.com/userspace-cni/userspace-cni/test/lab"
)

// refusing puts a proxy before the host's VPP that refuses the n-th request.
func (b *bench) refusing(n int) *lab.Proxy {
	b.Helper()
	proxy, err := lab.NewProxy(filepath.Join(b.dir, "proxy"+strconv.Itoa(n)), b.host.APISocket,
		fault.Fault{Action: fault.Refuse, N: n, Retval: -1})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { proxy.Close() })
	return proxy
}

// TestRefusedAdd has VPP refuse each message of an ADD in turn: the ADD fails
// with VPP's code, and nothing at all is left of it.
func TestRefusedAdd(t *testing.T) {
	onEach(t, func(b *bench) {
		refused := 0
		for n := 1; !b.Failed(); n++ {
			proxy := b.refusing(n)
			a := b.attach(b.network("net", b.hostLocal(1), object{
				"vppApiSocket": proxy.Path,
				"host":         object{"iftype": "memif", "netType": "bridge", "mtu": 1500, "bridge": object{"bridgeId": 7}},
			}), "refused", "net1")
			reply := a.call("ADD")
			if reply.Error() == nil {
				a.call("DEL") // the proxy still waits for its message
				a.del()
				break
			}
			refused++
			if reply.Code != 100 {
				b.Errorf("message %d (%s) refused: code %d, want 100: %s", n, proxy.Seen()[n-1], reply.Code, reply.Msg)
			}
			if left := b.left(); left != "" {
				b.Errorf("message %d (%s) refused: left behind:\n%s", n, proxy.Seen()[n-1], left)
			}
		}
		if refused < 6 {
			b.Errorf("%d messages were refused, an ADD has at least 6", refused)
		}
		b.Logf("messages refused: %d", refused)
	})
}

// TestRefusedDel has VPP refuse each message of a DEL in turn: the next DEL
// finishes the work.
func TestRefusedDel(t *testing.T) {
	onEach(t, func(b *bench) {
		failed := 0
		for n, struck := 1, true; struck; n++ {
			socket := filepath.Join(b.dir, "switched")
			b.link(b.host.APISocket, socket)
			a := b.attach(b.network("net", b.hostLocal(1), object{"vppApiSocket": socket}), "refused", "net1")
			a.add()
			proxy := b.refusing(n)
			b.link(proxy.Path, socket)
			if a.call("DEL").Error() != nil {
				failed++
				a.recordPath() // is still there
			}
			struck = len(proxy.Seen()) >= n
			b.link(b.host.APISocket, socket)
			a.del()
			if left := b.left(); left != "" {
				b.Errorf("message %d of %v refused: left behind:\n%s", n, proxy.Seen(), left)
			}
		}
		if failed < 2 {
			b.Errorf("%d DELs failed for a refused message, want at least 2", failed)
		}
		b.Logf("DELs that failed for a refused message: %d", failed)
	})
}

// link makes a symbolic link, in the place of an earlier one.
func (b *bench) link(target, path string) {
	b.Helper()
	if err := os.Symlink(target, path+".new"); err != nil {
		b.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		b.Fatal(err)
	}
}
