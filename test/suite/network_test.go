package suite

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	interfaces "go.fd.io/govpp/binapi/interface"
	"go.fd.io/govpp/binapi/interface_types"
	"go.fd.io/govpp/binapi/memif"

	"github.com/userspace-cni/userspace-cni/cnivpp/vpp"
	"github.com/userspace-cni/userspace-cni/test/lab"
)

// onReal runs a test that needs more of VPP than the simulator has: its debug
// CLI, mostly.
func onReal(t *testing.T, test func(b *bench)) {
	onEach(t, func(b *bench) {
		if !b.engine.Real {
			b.Skip("the simulator lacks the CLI commands that this needs: run it on a VPP by VPP=/path/to/vpp make test")
		}
		test(b)
	})
}

// bridged is a host block for a bridge, with more fields of it.
func bridged(bridge object) object {
	return object{"host": object{"iftype": "memif", "netType": "bridge", "bridge": bridge}}
}

// routed is a host block for a routed network.
func routed(vrf int) object {
	return object{"host": object{"iftype": "memif", "netType": "interface", "vrf": vrf}}
}

// subnet is an ipam block of one range for each subnet, with its first address
// as the gateway.
func (b *bench) subnet(subnets ...string) object {
	var ranges []any
	for _, s := range subnets {
		ranges = append(ranges, []any{object{"subnet": s}})
	}
	return object{"ipam": object{"type": "host-local", "dataDir": b.ipamDir(), "ranges": ranges}}
}

// guest is a pod with one attachment.
type guest struct {
	*pod
	attachment
	addresses []string
}

// guest attaches a new pod to a network and configures it.
func (b *bench) guest(id string, conf object) *guest {
	b.Helper()
	g := &guest{pod: b.pod(id)}
	g.attachment = g.attach(conf, "net1")
	for _, ip := range g.add().IPs {
		g.addresses = append(g.addresses, ip.Address.IP.String())
	}
	g.configure(1)
	return g
}

func (g *guest) reaches(other *guest) {
	g.pod.b.Helper()
	for _, address := range other.addresses {
		g.mustReach(address)
	}
}

func (g *guest) misses(other *guest) {
	g.pod.b.Helper()
	for _, address := range other.addresses {
		g.mustNotReach(address)
	}
}

// intact asserts that CHECK finds nothing to do.
func intact(all ...*guest) {
	for _, g := range all {
		g.pod.b.Helper()
		if err := g.call("CHECK").Error(); err != nil {
			g.pod.b.Errorf("%s: CHECK: %v", g.pod.id, err)
		}
	}
}

func detach(all ...*guest) {
	for _, g := range all {
		g.pod.b.Helper()
		g.del()
	}
}

// TestNamedBridges joins pods by the name of a bridge, and keeps two names
// apart.
func TestNamedBridges(t *testing.T) {
	onEach(t, func(b *bench) {
		conf := func(name string) object { return b.network("net", b.hostLocal(1), bridged(object{"bridgeName": name})) }
		one, two, other := b.guest("one", conf("blue")), b.guest("two", conf("blue")), b.guest("other", conf("green"))
		one.reaches(two)
		one.misses(other)
		intact(one, two, other)
		detach(one, two, other)
	})
}

// TestVLANs keeps the VLANs of a bridge apart, even from a pod that uses
// another's MAC.
func TestVLANs(t *testing.T) {
	onEach(t, func(b *bench) {
		const mac = "02:00:00:00:00:42"
		conf := func(vlan int, more ...object) object {
			return b.network("net", append([]object{b.hostLocal(1), bridged(object{"bridgeName": "trunk", "vlanId": vlan})}, more...)...)
		}
		one := b.guest("one", conf(100))
		two := b.guest("two", conf(100, object{"container": object{"mac": mac}}))
		plain := b.guest("plain", conf(0))
		one.reaches(two)
		thief := b.guest("thief", conf(200, object{"container": object{"mac": mac}}))
		thief.misses(two)
		one.misses(thief)
		one.misses(plain)
		plain.misses(two)
		one.reaches(two)
		intact(one, two, plain, thief)
		detach(one, two, plain, thief)
	})
}

// TestUplink joins the VLANs of two hosts by a link between their VPPs.
func TestUplink(t *testing.T) {
	onEach(t, func(b *bench) {
		b2 := newBench(b.T, b.engine)
		link := filepath.Join(b.dir, "link.sock")
		b.uplink("master", link)
		b2.uplink("slave", link)
		conf := func(b *bench, first string, vlan int) object {
			return b.network("net", bridged(object{"bridgeName": "fabric", "vlanId": vlan, "uplink": "memif9/0"}), object{"ipam": object{
				"type": "host-local", "dataDir": b.ipamDir(), "subnet": "10.1.0.0/16", "rangeStart": first,
			}})
		}
		here, here2 := b.guest("here", conf(b, "10.1.1.1", 100)), b.guest("here2", conf(b, "10.1.2.1", 200))
		there, elsewhere := b2.guest("there", conf(b2, "10.1.3.1", 100)), b2.guest("elsewhere", conf(b2, "10.1.4.1", 200))
		here.reaches(there)
		elsewhere.reaches(here2)
		here.misses(elsewhere)
		here2.misses(there)
		intact(here, there, elsewhere, here2)
		detach(here, there, elsewhere, here2)
		b.removeUplink()
		b2.removeUplink()
	})
}

// TestUplinkTaken: an interface is the uplink of one bridge domain; another network
// that names it is refused, and takes nothing away.
func TestUplinkTaken(t *testing.T) {
	onEach(t, func(b *bench) {
		b.uplink("master", filepath.Join(b.dir, "link.sock"))
		first := b.attach(b.network("first", bridged(object{"bridgeName": "5", "uplink": "memif9/0"})), "one", "net1")
		first.add()
		second := b.attach(b.network("second", bridged(object{"bridgeName": "6", "uplink": "memif9/0"})), "two", "net1")
		second.mustFail("ADD", 999, "memif9/0", "bridge-domain 5")
		if err := first.call("CHECK").Error(); err != nil {
			b.Errorf("the first network: %v", err)
		}
		second.del()
		first.del()
		b.removeUplink()
	})
}

// uplink is what an administrator would set up: the interface memif9/0.
func (b *bench) uplink(role, path string) {
	b.Helper()
	roles := map[string]memif.MemifRole{"master": memif.MEMIF_ROLE_API_MASTER, "slave": memif.MEMIF_ROLE_API_SLAVE}
	b.admin(func(ctx context.Context, s *vpp.Session) error {
		client := memif.NewServiceClient(s.Conn())
		if _, err := client.MemifSocketFilenameAddDelV2(ctx, &memif.MemifSocketFilenameAddDelV2{IsAdd: true, SocketID: 9, SocketFilename: path}); err != nil {
			return err
		}
		made, err := client.MemifCreateV2(ctx, &memif.MemifCreateV2{SocketID: 9, Role: roles[role]})
		if err != nil {
			return err
		}
		_, err = interfaces.NewServiceClient(s.Conn()).SwInterfaceSetFlags(ctx, &interfaces.SwInterfaceSetFlags{
			SwIfIndex: made.SwIfIndex, Flags: interface_types.IF_STATUS_API_FLAG_ADMIN_UP,
		})
		return err
	})
}

func (b *bench) removeUplink() {
	b.Helper()
	b.admin(func(ctx context.Context, s *vpp.Session) error {
		index, err := s.Index(ctx, "memif9/0")
		if err != nil {
			return err
		}
		client := memif.NewServiceClient(s.Conn())
		if _, err := client.MemifDelete(ctx, &memif.MemifDelete{SwIfIndex: index}); err != nil {
			return err
		}
		_, err = client.MemifSocketFilenameAddDelV2(ctx, &memif.MemifSocketFilenameAddDelV2{SocketID: 9})
		return err
	})
}

// TestRouted reaches gateway and pods of a routed network, v4, v6 and both, in
// table 0 and in tables of their own, which don't see each other.
func TestRouted(t *testing.T) {
	cases := map[string]struct {
		subnets, gateways []string
		vrf               int
		more              object
	}{
		"v4":               {[]string{"10.1.0.0/24"}, []string{"10.1.0.1"}, 0, nil},
		"v6":               {[]string{"fd00:1::/64"}, []string{"fd00:1::1"}, 0, nil},
		"both, in a table": {[]string{"10.1.0.0/24", "fd00:1::/64"}, []string{"10.1.0.1", "fd00:1::1"}, 42, nil},
		"both, mode ip": {[]string{"10.1.0.0/24", "fd00:1::/64"}, []string{"10.1.0.1", "fd00:1::1"}, 7, object{
			"host": object{"iftype": "memif", "netType": "interface", "vrf": 7, "memif": object{"mode": "ip"}},
		}},
	}
	onEach(t, func(b *bench) {
		for name, c := range cases {
			conf := b.network("net", b.subnet(c.subnets...), routed(c.vrf), c.more)
			one, two := b.guest("one "[:3]+name[:1], conf), b.guest("two"+name[:1], conf)
			for _, gateway := range c.gateways {
				one.mustReach(gateway)
			}
			one.reaches(two)
			intact(one, two)
			detach(one)
			two.mustReach(c.gateways[0])
			detach(two)
			if left := b.left(); left != "" {
				b.Errorf("%s: left behind:\n%s", name, left)
			}
		}
	})
}

// TestVRFs puts two networks with the same addresses into two tables.
func TestVRFs(t *testing.T) {
	onEach(t, func(b *bench) {
		conf := func(name string, vrf int) object {
			return b.network(name, b.subnet("10.1.0.0/24", "fd00:1::/64"), routed(vrf))
		}
		red, red2 := b.guest("red", conf("red", 1)), b.guest("red2", conf("red", 1))
		blue, blue2, blue3 := b.guest("blue", conf("blue", 2)), b.guest("blue2", conf("blue", 2)), b.guest("blue3", conf("blue", 2))
		red.reaches(red2)
		blue.reaches(blue2)
		red.misses(blue3) // red has no third
		intact(red, red2, blue, blue2, blue3)
		detach(red, red2, blue, blue2, blue3)
	})
}

// TestForeignTable joins a table that somebody else made and leaves it.
func TestForeignTable(t *testing.T) {
	onReal(t, func(b *bench) {
		b.cli("ip table add 42")
		before := b.cliOf("show ip table")
		g := b.guest("one", b.network("net", b.subnet("10.1.0.0/24"), routed(42)))
		g.mustReach("10.1.0.1")
		detach(g)
		if after := b.cliOf("show ip table"); after != before {
			b.Errorf("tables before and after:\n%s\n%s", before, after)
		}
		b.cli("ip table del 42")
	})
}

func (b *bench) cli(command string) { b.Helper(); b.cliOf(command) }

func (b *bench) cliOf(command string) string { b.Helper(); return b.cliOn(b.host, command) }

// cliOn runs a command of some VPP's debug CLI.
func (b *bench) cliOn(on *lab.VPP, command string) (answer string) {
	b.Helper()
	b.adminOf(on, func(ctx context.Context, s *vpp.Session) (err error) {
		answer, err = s.CLI(ctx, command)
		return err
	})
	return answer
}

// TestAbstractSockets connects through the pod's network namespace: there is no
// socket in any directory.
func TestAbstractSockets(t *testing.T) {
	onEach(t, func(b *bench) {
		conf := b.network("net", b.hostLocal(1), object{"host": object{
			"iftype": "memif", "netType": "bridge", "bridge": object{"bridgeId": 4}, "memif": object{"socketType": "abstract"},
		}})
		one, two := b.guest("one", conf), b.guest("two", conf)
		one.reaches(two)
		if sockets, _ := filepath.Glob(filepath.Join(b.sharedDir(), "*", "*.sock")); len(sockets) != 0 {
			b.Errorf("sockets in the shared directory: %v", sockets)
		}
		intact(one, two)
		detach(one, two)
	})
}

// TestLargeFrames sends the largest packet that fits an MTU of 9000, and finds
// it arrive whole.
func TestLargeFrames(t *testing.T) {
	onReal(t, func(b *bench) {
		conf := b.network("net", b.subnet("10.1.0.0/24"), object{
			"host":      object{"iftype": "memif", "netType": "bridge", "mtu": 9000, "bridge": object{"bridgeId": 4}},
			"container": object{"mtu": 9000},
		})
		one, two := b.guest("one", conf), b.guest("two", conf)
		one.reaches(two)
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		session, err := vpp.Connect(ctx, one.vpp.APISocket)
		must(b, err)
		defer session.Close()
		out, err := session.CLI(ctx, fmt.Sprintf("ping %s size 8964 repeat 3 interval 0.1", two.addresses[0]))
		if err != nil || !strings.Contains(out, "3 sent, 3 received") {
			b.Errorf("ping of 9000 bytes: %v\n%s", err, out)
		}
		detach(one, two)
	})
}

// TestQueues asks for several queues in both directions.
func TestQueues(t *testing.T) {
	onReal(t, func(b *bench) {
		conf := b.network("net", b.subnet("10.1.0.0/24"), object{
			"container": object{"memif": object{"rxQueues": 2, "txQueues": 4, "ringSize": 2048, "noZeroCopy": true}},
		})
		one, two := b.guest("one", conf), b.guest("two", conf)
		one.reaches(two)
		if rings := b.cliOf("show memif"); strings.Count(rings, "num-s2m-rings 4 num-m2s-rings 2") != 2 {
			b.Errorf("the rings are not 4 and 2:\n%s", rings)
		}
		detach(one, two)
	})
}

// TestSecrets connects only the pod that knows the secret.
func TestSecrets(t *testing.T) {
	onEach(t, func(b *bench) {
		conf := b.network("net", b.hostLocal(1), object{"host": object{
			"iftype": "memif", "netType": "bridge", "bridge": object{"bridgeId": 4},
			"memif": object{"secret": "tell-nobody-at-all-2345"},
		}})
		right := b.guest("right", conf)
		wrong := b.pod("wrong")
		a := wrong.attach(conf, "net1")
		a.add()
		wrong.spoilContract("tell-nobody-at-all-2345", "guess")
		wrong.runApp()
		right2 := b.guest("right2", conf)
		right.reaches(right2)
		if shown := wrong.show(); len(shown) != 1 || shown[0].Link {
			b.Errorf("the pod with the wrong secret: %+v, want one interface without a link", shown)
		}
		a.del()
		detach(right, right2)
	})
}

// TestContainerBridge gives the pod's addresses to a bridge domain in its VPP.
func TestContainerBridge(t *testing.T) {
	onEach(t, func(b *bench) {
		conf := b.network("net", b.hostLocal(1), object{"container": object{
			"iftype": "memif", "netType": "bridge", "mac": "02:00:00:00:00:09",
		}})
		plain := b.guest("plain", b.network("net", b.hostLocal(1)))
		bridge := b.guest("bridge", conf)
		plain.reaches(bridge)
		bridge.reaches(plain)
		shown := bridge.show()
		if len(shown) != 2 || shown[1].Name != "loop1" || shown[1].MAC != "02:00:00:00:00:09" || len(shown[1].Addresses) != 2 {
			b.Errorf("the pod's interfaces are %+v, want a memif, and loop1 with the addresses and the MAC", shown)
		}
		bridge.configure(1) // again: nothing is done twice
		plain.reaches(bridge)
		detach(plain, bridge)
	})
}
