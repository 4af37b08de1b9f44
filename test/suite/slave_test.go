package suite

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"go.fd.io/govpp/binapi/memif"

	"github.com/userspace-cni/userspace-cni/cnivpp/vpp"
	"github.com/userspace-cni/userspace-cni/pkg/state"
)

// slave is a host block for a memif that connects to the pod's.
func slave(more object) object {
	block := object{"role": "slave"}
	for field, value := range more {
		block[field] = value
	}
	return object{"host": object{"iftype": "memif", "netType": "bridge", "bridge": object{"bridgeId": 4}, "memif": block}}
}

// TestHostSlave lets the pod have the master's end, where the node allows it: it
// reaches a pod whose end is the slave, and the host's end never shares VPP's
// buffers, whatever the network asks for.
func TestHostSlave(t *testing.T) {
	onEach(t, func(b *bench) {
		conf := b.network("net", b.hostLocal(1), slave(object{"noZeroCopy": false}))
		b.attach(conf, "early", "net1").refused("a slave", 7, "host.memif.role", `"slave"`, "allowHostSlave", "/etc/userspace-cni/node.json")
		b.node(object{"allowHostSlave": true})
		one, two := b.guest("one", conf), b.guest("two", b.network("net", b.hostLocal(1)))
		one.reaches(two)
		two.reaches(one)
		intact(one, two)
		roles := map[memif.MemifRole]int{}
		for _, d := range b.memifs() {
			roles[d.Role]++
			if d.ZeroCopy {
				b.Errorf("%s shares VPP's buffers with the pod: %+v", d.IfName, d)
			}
		}
		if roles[memif.MEMIF_ROLE_API_MASTER] != 1 || roles[memif.MEMIF_ROLE_API_SLAVE] != 1 {
			b.Errorf("the host's roles are %v, want one master and one slave", roles)
		}
		must(b, one.vpp.Kill()) // as the runtime does before DEL: its socket stays
		detach(one, two)
	})
}

// memifs are those of the host.
func (b *bench) memifs() (all []*memif.MemifDetails) {
	b.Helper()
	b.admin(func(ctx context.Context, s *vpp.Session) error {
		dump, err := memif.NewServiceClient(s.Conn()).MemifDump(ctx, &memif.MemifDump{})
		if err != nil {
			return err
		}
		return vpp.Drain(dump.Recv, func(d *memif.MemifDetails) { all = append(all, d) })
	})
	return all
}

// TestHostSlaveAgain repeats the ADD while the pod listens on its socket, after
// the host's VPP came back empty: the pod's end stays as it is and is connected
// again. A DEL of the living pod leaves nothing either: the socket is the pod's,
// the directory isn't.
func TestHostSlaveAgain(t *testing.T) {
	onEach(t, func(b *bench) {
		b.node(object{"allowHostSlave": true})
		one, two := b.guest("one", b.network("net", b.hostLocal(1), slave(nil))), b.guest("two", b.network("net", b.hostLocal(1)))
		one.add() // nothing to do
		b.restartVPP()
		one.add()
		two.add()
		one.connected(1)
		two.connected(1)
		one.reaches(two)
		detach(one, two)

		lost := b.attach(b.network("net", slave(nil)), "lost", "net1")
		socket := lost.add().Interfaces[0].SocketPath
		defer listen(b, socket).Close()
		must(b, os.Remove(b.recordOf(lost)))
		lost.del()
		if _, err := os.Lstat(socket); err == nil {
			b.Errorf("%s is left by a DEL without a record", socket)
		}
		must(b, os.RemoveAll(filepath.Join(state.DefaultDir, "numbers"))) // whose it was nobody knows
	})
}

// TestHostSlaveAbstract has the pod listen in its own network namespace.
func TestHostSlaveAbstract(t *testing.T) {
	onEach(t, func(b *bench) {
		b.node(object{"allowHostSlave": true})
		conf := b.network("net", b.hostLocal(1), slave(object{"socketType": "abstract"}))
		one, two := b.guest("one", conf), b.guest("two", conf)
		one.reaches(two)
		intact(one, two)
		detach(one, two)
	})
}

// TestHostSlaveInVolume leaves a socket that the pod listens on in the pod's own
// volume.
func TestHostSlaveInVolume(t *testing.T) {
	onEach(t, func(b *bench) {
		b.node(object{"allowHostSlave": true})
		c := b.cluster()
		conf := b.network("net", b.hostLocal(1), object{"kubeconfig": c.kubeconfig}, slave(object{"socketfile": "pod.sock"}))
		a := b.attach(conf, "sandbox", "net1").asPod("u-1")
		a.add()
		path := filepath.Join(c.volume, "pod.sock")
		listener := listen(b, path)
		a.add()
		a.del()
		if _, err := os.Lstat(path); err != nil {
			b.Errorf("the pod's socket: %v", err)
		}
		must(b, listener.Close())
		must(b, os.Remove(path))
	})
}
