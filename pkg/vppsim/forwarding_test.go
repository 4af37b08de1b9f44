package vppsim_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	interfaces "go.fd.io/govpp/binapi/interface"
	"go.fd.io/govpp/binapi/l2"
	memifapi "go.fd.io/govpp/binapi/memif"

	"github.com/userspace-cni/userspace-cni/pkg/vppsim"
)

// realVPP names the API socket of a real VPP, to run the pair tests against it:
// it takes the place of one of the two simulators.
const realVPP = "VPPSIM_TEST_VPP"

// peers are the two ends of a memif, and the other way round.
func peers(t *testing.T, test func(t *testing.T, master, slave *vpp)) {
	other := func(t *testing.T) *vpp {
		if socket := os.Getenv(realVPP); socket != "" {
			v := &vpp{t: t, socket: socket}
			v.conn = v.connect()
			return v
		}
		return start(t, vppsim.Options{})
	}
	t.Run("master", func(t *testing.T) { test(t, start(t, vppsim.Options{}), other(t)) })
	t.Run("slave", func(t *testing.T) { test(t, other(t), start(t, vppsim.Options{})) })
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
