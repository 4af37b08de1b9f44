package suite

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	podcontract "github.com/userspace-cni/userspace-cni/pkg/contract"
	"github.com/userspace-cni/userspace-cni/pkg/netconf"
	"github.com/userspace-cni/userspace-cni/test/lab"
)

// qemuUser is the user, and the group, as which KubeVirt runs QEMU.
const qemuUser = 107

// bootTimeout bounds a boot, which the test's emulated machine takes some seconds
// for on a core of its own.
const bootTimeout = 60 * time.Second

// answerTimeout bounds how long a machine that has booted loses answers.
const answerTimeout = 20 * time.Second

// machine is a virtual machine with one attachment, which knows of it what the
// contract says.
type machine struct {
	*lab.Machine
	b         *bench
	addresses []string
}

// TestQEMUConnects has VPP make the socket.
func TestQEMUConnects(t *testing.T) { onQEMU(t, (*bench).serverForQEMU) }

// TestQEMUListens has QEMU make the socket.
func TestQEMUListens(t *testing.T) { onQEMU(t, (*bench).clientForQEMU) }

// onQEMU pings a virtual machine from a memif pod on its bridge, and again when
// the host's VPP was restarted. QEMU is an ordinary user, and no other user can
// connect to the socket.
func onQEMU(t *testing.T, attach func(b *bench) (attachment, string)) {
	onReal(t, func(b *bench) {
		needRoot(b.T)
		parts, err := lab.FindMachine()
		if err != nil {
			b.summary("skipped: %v", err) // for those who don't see why tests are skipped
			b.Skip(err)
		}
		must(b, os.Chmod(b.dir, 0o711))
		peer := b.guest("peer", b.network("net", b.hostLocal(1)))
		a, dir := attach(b)
		m := b.machine(parts, a, dir)
		m.boot()
		m.answers(peer)
		m.isPrivate()
		b.restartHost(peer.attachment, a)
		m.answers(peer)
		if err := a.call("CHECK").Error(); err != nil {
			b.Errorf("CHECK: %v", err)
		}
		m.Kill()
		a.del()
		detach(peer)
	})
}

// serverForQEMU has VPP make the socket, for the user that the pod runs as, in
// the pod's volume.
func (b *bench) serverForQEMU() (attachment, string) {
	c := b.cluster()
	c.userPod(`"securityContext":{"runAsUser":107,"runAsGroup":107,"runAsNonRoot":true},`, container)
	must(b, os.MkdirAll(c.volume, 0o755))
	conf := b.network("net", b.hostLocal(1), vhostBridged(object{"mode": "server"}), object{"kubeconfig": c.kubeconfig})
	return b.attach(conf, "machine", "net1").asPod("u-1"), c.volume
}

// clientForQEMU has QEMU make the socket, in a directory of ours, which is given
// to the user that the network names.
func (b *bench) clientForQEMU() (attachment, string) {
	conf := b.network("net", b.hostLocal(1), vhostBridged(object{"mode": "client", "socketOwner": "107", "group": "107"}))
	return b.attach(conf, "machine", "net1"), filepath.Join(b.sharedDir(), "machine")
}

func vhostBridged(vhost object) object {
	return object{"host": object{"iftype": "vhostuser", "netType": "bridge", "bridge": object{"bridgeName": "4"}, "vhost": vhost}}
}

// machine is for an attachment: it takes its card's address, its IP addresses and
// its mode from the contract in the shared directory.
func (b *bench) machine(parts lab.MachineParts, a attachment, dir string) *machine {
	b.Helper()
	a.add()
	files, _ := filepath.Glob(filepath.Join(dir, "configData-*.json"))
	if len(files) != 1 {
		b.Fatalf("contracts: %v", files)
	}
	data, err := os.ReadFile(files[0])
	must(b, err)
	entry, err := podcontract.Parse(data)
	must(b, err)
	var networks []netip.Prefix
	m := &machine{b: b}
	for _, ip := range entry.IPResult.IPs {
		networks = append(networks, ip.Address)
		m.addresses = append(m.addresses, ip.Address.Addr().String())
	}
	m.Machine = &lab.Machine{
		MachineParts: parts, Dir: filepath.Join(b.dir, "machine"), Netns: a.netns, UID: qemuUser, GID: qemuUser,
		Socket: filepath.Join(dir, entry.Config.Vhost.SocketFile), Listen: entry.Config.Vhost.Mode == netconf.VhostServer,
		MAC: entry.Config.MAC, Addresses: networks,
	}
	return m
}

// boot waits until the machine has its addresses.
func (m *machine) boot() {
	m.b.Helper()
	must(m.b, m.Start())
	m.b.Cleanup(m.Kill)
	m.b.Cleanup(func() {
		if m.b.Failed() {
			m.b.Logf("the machine's console:\n%s", m.Console())
		}
	})
	started := time.Now()
	within(m.b.T, bootTimeout, "booted", func() bool {
		select {
		case <-m.Exited():
			m.b.Fatal("QEMU has ended: ", m.How())
		default:
		}
		return m.Ready()
	})
	m.b.Logf("booted in %s", time.Since(started).Round(time.Millisecond))
}

// answers asserts that the peer reaches all of the machine's addresses, and that
// nothing is lost in the end: for some seconds after the boot or a reconnect up to
// three of four answers were seen missing, or late by more than the interval,
// which VPP's count doesn't tell apart.
func (m *machine) answers(peer *guest) {
	m.b.Helper()
	if len(m.addresses) != 2 {
		m.b.Errorf("the machine has addresses %v, want v4 and v6", m.addresses)
	}
	for _, address := range m.addresses {
		within(m.b.T, answerTimeout, "answered without loss", func() bool {
			out, lossless := peer.ping(address, 200*time.Millisecond)
			if !lossless {
				m.b.Logf("%s: %s", address, out)
			}
			return lossless
		})
	}
}

// isPrivate asserts that another user can't connect to the socket.
func (m *machine) isPrivate() {
	m.b.Helper()
	if err := connectAs(m.Socket, 4000, 4000); !errors.Is(err, syscall.EACCES) {
		m.b.Errorf("another user connects to %s: %v, want %v", m.Socket, err, syscall.EACCES)
	}
}

// restartHost starts the host's VPP anew, where a node agent restores what was on
// it.
func (b *bench) restartHost(all ...attachment) {
	b.Helper()
	agent := b.agent()
	agent.says("connected to VPP")
	b.restartVPP()
	agent.restored(all...)
	agent.stop()
}
