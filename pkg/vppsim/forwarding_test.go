package vppsim_test

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"go.fd.io/govpp/binapi/fib_types"
	interfaces "go.fd.io/govpp/binapi/interface"
	"go.fd.io/govpp/binapi/ip"
	"go.fd.io/govpp/binapi/ip_types"
	"go.fd.io/govpp/binapi/l2"
	memifapi "go.fd.io/govpp/binapi/memif"

	"github.com/userspace-cni/userspace-cni/pkg/vppsim"
)

// realVPP names the API socket of a real VPP, to run the pair tests against it:
// one that has just started. It takes the place of one of the simulators.
const realVPP = "VPPSIM_TEST_VPP"

// peers are the two ends of a memif, and the other way round.
func peers(t *testing.T, test func(t *testing.T, master, slave *vpp)) {
	t.Run("master", func(t *testing.T) { test(t, start(t, vppsim.Options{}), realOrNot(t)) })
	t.Run("slave", func(t *testing.T) { test(t, realOrNot(t), start(t, vppsim.Options{})) })
}

func realOrNot(t *testing.T) *vpp {
	t.Helper()
	if socket := os.Getenv(realVPP); socket != "" {
		v := &vpp{t: t, socket: socket}
		v.conn = v.connect()
		return v
	}
	return start(t, vppsim.Options{})
}

// connect joins two VPPs by a memif, and removes it when the test ends.
func connect(t *testing.T, master, slave *vpp, r memifapi.MemifCreateV2) (m, s index) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "memif.sock")
	r.NoZeroCopy = true
	r.Role = memifapi.MEMIF_ROLE_API_MASTER
	m = master.memif(71, path, r)
	r.Role = memifapi.MEMIF_ROLE_API_SLAVE
	s = slave.memif(72, path, r)
	t.Cleanup(func() {
		for v, i := range map[*vpp]index{master: m, slave: s} {
			v.call(&memifapi.MemifDelete{SwIfIndex: i}, &memifapi.MemifDeleteReply{})
			for _, id := range []uint32{71, 72} {
				v.call(&memifapi.MemifSocketFilenameAddDelV2{SocketID: id}, &memifapi.MemifSocketFilenameAddDelV2Reply{})
			}
		}
	})
	master.up(m)
	slave.up(s)
	master.waitLink(m)
	slave.waitLink(s)
	return m, s
}

func TestPingOverMemif(t *testing.T) {
	for mode, r := range map[string]memifapi.MemifCreateV2{
		"ethernet": {}, "ip": {Mode: memifapi.MEMIF_MODE_API_IP},
		"queues": {RxQueues: 3, TxQueues: 2, RingSize: 64}, "secret": {Secret: "s3cret"},
	} {
		t.Run(mode, func(t *testing.T) {
			peers(t, func(t *testing.T, master, slave *vpp) {
				m, s := connect(t, master, slave, r)
				master.addresses(m, "10.77.1.1/24", "fd77::1/64")
				slave.addresses(s, "10.77.1.2/24", "fd77::2/64")
				master.reaches("10.77.1.2", "fd77::2")
				slave.reaches("10.77.1.1", "fd77::1")
				slave.silent("10.77.1.3")
			})
		})
	}
}

// pod is a simulator with one memif to the host's bridge domain.
func pod(t *testing.T, host *vpp, n uint32, domain uint32) *vpp {
	t.Helper()
	path := filepath.Join(t.TempDir(), "memif.sock")
	port := host.memif(n, path, memifapi.MemifCreateV2{})
	host.up(port)
	host.join(domain, port, l2.L2_API_PORT_TYPE_NORMAL)
	v := start(t, vppsim.Options{})
	i := v.memif(1, path, memifapi.MemifCreateV2{Role: memifapi.MEMIF_ROLE_API_SLAVE})
	v.up(i)
	v.addresses(i, fmt.Sprintf("10.1.0.%d/24", n), fmt.Sprintf("fd01::%d/64", n))
	v.waitLink(i)
	host.waitLink(port)
	return v
}

func TestBridgeJoinsPods(t *testing.T) {
	host := start(t, vppsim.Options{})
	host.bridge(100)
	host.bridge(200)
	a, b, other := pod(t, host, 1, 100), pod(t, host, 2, 100), pod(t, host, 3, 200)
	for _, dst := range []string{"10.1.0.2", "fd01::2"} {
		if requests, replies := a.ping(dst, 3, 0.1); requests != 3 || replies != 3 {
			t.Errorf("%s: %d of %d echoes, the first too has to arrive", dst, replies, requests)
		}
	}
	b.reaches("10.1.0.1", "fd01::1")
	for _, dst := range []string{"10.1.0.3", "fd01::3"} {
		a.silent(dst)
	}
	other.silent("10.1.0.1")
}

// What was learned from a port goes with it: a neighbour that is behind another
// port now is found again.
func TestPortIsReplaced(t *testing.T) {
	host := start(t, vppsim.Options{})
	host.bridge(100)
	a, b := pod(t, host, 1, 100), pod(t, host, 2, 100)
	a.reaches("10.1.0.2")
	sockets := dump[*memifapi.MemifSocketFilenameDetails](host, &memifapi.MemifSocketFilenameDump{})
	for _, s := range sockets {
		if s.SocketID != 2 {
			continue
		}
		host.call(&memifapi.MemifDelete{SwIfIndex: 2}, &memifapi.MemifDeleteReply{})
		again := host.memif(2, s.SocketFilename, memifapi.MemifCreateV2{})
		host.up(again)
		host.join(100, again, l2.L2_API_PORT_TYPE_NORMAL)
		host.waitLink(again)
	}
	b.waitLink(1)
	a.reaches("10.1.0.2")
}

func TestBVIIsAHostInItsBridge(t *testing.T) {
	host := start(t, vppsim.Options{})
	host.bridge(100)
	bvi := host.loopback()
	host.up(bvi)
	host.join(100, bvi, l2.L2_API_PORT_TYPE_BVI)
	host.addresses(bvi, "10.1.0.254/24", "fd01::254/64")
	a := pod(t, host, 1, 100)
	a.reaches("10.1.0.254", "fd01::254")
	host.reaches("10.1.0.1", "fd01::1", "10.1.0.254")
}

func TestDownMeansSilence(t *testing.T) {
	host := start(t, vppsim.Options{})
	host.bridge(100)
	a := pod(t, host, 1, 100)
	b := pod(t, host, 2, 100)
	a.reaches("10.1.0.2")
	reply := &interfaces.SwInterfaceSetFlagsReply{}
	b.call(&interfaces.SwInterfaceSetFlags{SwIfIndex: 1}, reply)
	a.silent("10.1.0.2")
	b.up(1)
	a.reaches("10.1.0.2")
}

// vlan puts a VLAN of an uplink into a bridge domain, without its tag.
func (v *vpp) vlan(domain uint32, uplink index, id uint32) {
	v.t.Helper()
	sub := &interfaces.CreateVlanSubifReply{}
	v.call(&interfaces.CreateVlanSubif{SwIfIndex: uplink, VlanID: id}, sub)
	check(v.t, "VLAN", sub.Retval, 0)
	v.up(sub.SwIfIndex)
	v.join(domain, sub.SwIfIndex, l2.L2_API_PORT_TYPE_NORMAL)
	pop := &l2.L2InterfaceVlanTagRewriteReply{}
	v.call(&l2.L2InterfaceVlanTagRewrite{SwIfIndex: sub.SwIfIndex, VtrOp: 3}, pop)
	check(v.t, "pop", pop.Retval, 0)
}

// Two nodes share an uplink on which each network is a VLAN.
func TestVLANsOnUplink(t *testing.T) {
	one, other := start(t, vppsim.Options{}), realOrNot(t)
	a, b := connect(t, one, other, memifapi.MemifCreateV2{})
	for id := uint32(100); id <= 101; id++ {
		one.bridge(id)
		one.vlan(id, a, id)
		other.bridge(id)
		other.vlan(id, b, id)
	}
	near, far, stranger := pod(t, one, 1, 100), pod(t, other, 2, 100), pod(t, one, 3, 101)
	near.reaches("10.1.0.2", "fd01::2")
	far.reaches("10.1.0.1", "fd01::1")
	stranger.silent("10.1.0.2")
	stranger.silent("fd01::1")
}

// routed joins a new pod to the host's gateway, in the gateway's table.
func (v *vpp) routed(n int, table uint32, gateway index) *vpp {
	v.t.Helper()
	path := filepath.Join(v.t.TempDir(), "memif.sock")
	i := v.memif(uint32(100+n), path, memifapi.MemifCreateV2{})
	v.bind(i, table)
	unnumbered := &interfaces.SwInterfaceSetUnnumberedReply{}
	v.call(&interfaces.SwInterfaceSetUnnumbered{IsAdd: true, SwIfIndex: gateway, UnnumberedSwIfIndex: i}, unnumbered)
	check(v.t, "unnumbered", unnumbered.Retval, 0)
	v.call(&ip.SwInterfaceIP6EnableDisable{SwIfIndex: i, Enable: true}, &ip.SwInterfaceIP6EnableDisableReply{})
	v.up(i)
	own := []string{fmt.Sprintf("10.2.0.%d", n), fmt.Sprintf("fd02::%d", n)}
	v.route(table, own[0]+"/32", i, "")
	v.route(table, own[1]+"/128", i, "")

	p := start(v.t, vppsim.Options{})
	j := p.memif(1, path, memifapi.MemifCreateV2{Role: memifapi.MEMIF_ROLE_API_SLAVE})
	p.addresses(j, own[0]+"/32", own[1]+"/128")
	p.up(j)
	p.route(0, "10.2.0.254/32", j, "")
	p.route(0, "fd02::254/128", j, "")
	p.route(0, "10.2.0.0/16", j, "10.2.0.254")
	p.route(0, "fd02::/64", j, "fd02::254")
	p.waitLink(j)
	v.waitLink(i)
	return p
}

func (v *vpp) bind(i index, table uint32) {
	v.t.Helper()
	for _, v6 := range []bool{false, true} {
		reply := &interfaces.SwInterfaceSetTableReply{}
		v.call(&interfaces.SwInterfaceSetTable{SwIfIndex: i, IsIPv6: v6, VrfID: table}, reply)
		check(v.t, "table", reply.Retval, 0)
	}
}

func (v *vpp) route(table uint32, to string, over index, via string) {
	v.t.Helper()
	reply := &ip.IPRouteAddDelReply{}
	v.call(routeVia(table, to, over, via), reply)
	check(v.t, "route", reply.Retval, 0)
}

func routeVia(table uint32, to string, over index, via string) *ip.IPRouteAddDel {
	p := netip.MustParsePrefix(to)
	path := fib_types.FibPath{SwIfIndex: uint32(over), Weight: 1}
	if p.Addr().Is6() {
		path.Proto = fib_types.FIB_API_PATH_NH_PROTO_IP6
	}
	if via != "" {
		path.Nh.Address = ip_types.NewAddress(netip.MustParseAddr(via).AsSlice()).Un
	}
	return &ip.IPRouteAddDel{IsAdd: true, IsMultipath: true, Route: ip.IPRoute{
		TableID: table, NPaths: 1, Paths: []fib_types.FibPath{path},
		Prefix: ip_types.Prefix{Address: ip_types.NewAddress(p.Addr().AsSlice()), Len: uint8(p.Bits())},
	}}
}

// gateway is a loopback in a table of its own.
func (v *vpp) gateway(table uint32) index {
	v.t.Helper()
	for _, v6 := range []bool{false, true} {
		v.call(&ip.IPTableAddDel{IsAdd: true, Table: ip.IPTable{TableID: table, IsIP6: v6}}, &ip.IPTableAddDelReply{})
	}
	i := v.loopback()
	v.bind(i, table)
	v.addresses(i, "10.2.0.254/32", "fd02::254/128")
	v.up(i)
	return i
}

// The host routes between pods by the sequence that the plugin uses; tables keep
// networks apart, even with the same addresses.
func TestRoutedPods(t *testing.T) {
	host := realOrNot(t)
	green, red := host.gateway(0), host.gateway(42)
	a, b := host.routed(1, 0, green), host.routed(2, 0, green)
	c := host.routed(3, 42, red)
	for _, p := range []*vpp{a, b, c} {
		p.reaches("10.2.0.254", "fd02::254")
	}
	a.reaches("10.2.0.2", "fd02::2")
	b.reaches("10.2.0.1", "fd02::1")
	host.reaches("10.2.0.1", "fd02::1")
	c.silent("10.2.0.1")
	a.silent("fd02::3")
}
