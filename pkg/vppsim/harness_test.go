package vppsim_test

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.fd.io/govpp/adapter/socketclient"
	"go.fd.io/govpp/api"
	interfaces "go.fd.io/govpp/binapi/interface"
	"go.fd.io/govpp/binapi/interface_types"
	"go.fd.io/govpp/binapi/ip_types"
	"go.fd.io/govpp/binapi/l2"
	"go.fd.io/govpp/binapi/memclnt"
	memifapi "go.fd.io/govpp/binapi/memif"
	"go.fd.io/govpp/binapi/ping"
	"go.fd.io/govpp/core"
	"go.uber.org/goleak"

	"github.com/userspace-cni/userspace-cni/pkg/vppsim"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 5 * time.Second

// vpp is a simulator, or a real VPP, under test, driven through govpp.
type vpp struct {
	t      *testing.T
	socket string
	conn   *core.Connection
	served chan error
	pings  api.Watcher
}

// start runs a simulator of its own for the test.
func start(t *testing.T, opts vppsim.Options) *vpp {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	opts.APISocket = filepath.Join(t.TempDir(), "api.sock")
	v := &vpp{t: t, socket: opts.APISocket, served: make(chan error, 1)}
	go func() { v.served <- vppsim.New(opts).Run(ctx) }()
	eventually(t, "the API socket", func() bool { _, err := os.Stat(v.socket); return err == nil })
	t.Cleanup(func() {
		cancel()
		if err := <-v.served; err != nil && !errors.Is(err, vppsim.ErrDied) {
			t.Errorf("Run: %v", err)
		}
	})
	v.conn = v.connect()
	return v
}

func (v *vpp) connect() *core.Connection {
	v.t.Helper()
	conn, err := core.Connect(socketclient.NewVppClient(v.socket))
	if err != nil {
		v.t.Fatal(err)
	}
	v.t.Cleanup(conn.Disconnect)
	return conn
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(patience)
	for tick := time.NewTicker(2 * time.Millisecond); !ok(); {
		select {
		case <-deadline:
			t.Fatalf("never happened: %s", what)
		case <-tick.C:
		}
	}
}

// call makes a request and returns the retval, which govpp leaves in the reply.
func (v *vpp) try(request, reply api.Message) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return v.conn.Invoke(ctx, request, reply)
}

func (v *vpp) call(request, reply api.Message) {
	v.t.Helper()
	if err := v.try(request, reply); err != nil {
		v.t.Fatalf("%s: %v", request.GetMessageName(), err)
	}
}

func check(t *testing.T, what string, got, want int32) {
	t.Helper()
	if got != want {
		t.Errorf("%s: retval %d (%v), want %d", what, got, api.RetvalToVPPApiError(got), want)
	}
}

// dump collects the details that answer a request.
func dump[D api.Message](v *vpp, request api.Message) (all []D) {
	v.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	stream, err := v.conn.NewStream(ctx)
	if err != nil {
		v.t.Fatal(err)
	}
	defer stream.Close()
	if err := errors.Join(stream.SendMsg(request), stream.SendMsg(&memclnt.ControlPing{})); err != nil {
		v.t.Fatal(err)
	}
	for {
		m, err := stream.RecvMsg()
		if err != nil {
			v.t.Fatal(err)
		}
		if _, end := m.(*memclnt.ControlPingReply); end {
			return all
		}
		all = append(all, m.(D))
	}
}

type index = interface_types.InterfaceIndex

const none = ^index(0)

func (v *vpp) memif(socketID uint32, filename string, r memifapi.MemifCreateV2) index {
	v.t.Helper()
	add := &memifapi.MemifSocketFilenameAddDelV2Reply{}
	v.call(&memifapi.MemifSocketFilenameAddDelV2{IsAdd: true, SocketID: socketID, SocketFilename: filename}, add)
	check(v.t, "socket", add.Retval, 0)
	reply := &memifapi.MemifCreateV2Reply{}
	r.SocketID = socketID
	v.call(&r, reply)
	check(v.t, "memif", reply.Retval, 0)
	return reply.SwIfIndex
}

func (v *vpp) loopback() index {
	v.t.Helper()
	reply := &interfaces.CreateLoopbackInstanceReply{}
	v.call(&interfaces.CreateLoopbackInstance{}, reply)
	check(v.t, "loopback", reply.Retval, 0)
	return reply.SwIfIndex
}

func (v *vpp) up(i index) {
	v.t.Helper()
	reply := &interfaces.SwInterfaceSetFlagsReply{}
	v.call(&interfaces.SwInterfaceSetFlags{SwIfIndex: i, Flags: interface_types.IF_STATUS_API_FLAG_ADMIN_UP}, reply)
	check(v.t, "up", reply.Retval, 0)
}

func (v *vpp) address(i index, prefix string) int32 {
	v.t.Helper()
	p, err := ip_types.ParseAddressWithPrefix(prefix)
	if err != nil {
		v.t.Fatal(err)
	}
	reply := &interfaces.SwInterfaceAddDelAddressReply{}
	v.call(&interfaces.SwInterfaceAddDelAddress{SwIfIndex: i, IsAdd: true, Prefix: p}, reply)
	return reply.Retval
}

func (v *vpp) addresses(i index, prefixes ...string) {
	v.t.Helper()
	for _, p := range prefixes {
		check(v.t, p, v.address(i, p), 0)
	}
}

func (v *vpp) bridge(id uint32, ports ...index) {
	v.t.Helper()
	reply := &l2.BridgeDomainAddDelV2Reply{}
	v.call(&l2.BridgeDomainAddDelV2{BdID: id, IsAdd: true, Flood: true, UuFlood: true, Forward: true, Learn: true}, reply)
	check(v.t, "bridge", reply.Retval, 0)
	for _, p := range ports {
		v.join(id, p, l2.L2_API_PORT_TYPE_NORMAL)
	}
}

func (v *vpp) join(id uint32, i index, kind l2.L2PortType) {
	v.t.Helper()
	reply := &l2.SwInterfaceSetL2BridgeReply{}
	v.call(&l2.SwInterfaceSetL2Bridge{RxSwIfIndex: i, BdID: id, PortType: kind, Enable: true}, reply)
	check(v.t, "join", reply.Retval, 0)
}

func (v *vpp) waitLink(i index) {
	v.t.Helper()
	eventually(v.t, "link up", func() bool {
		all := dump[*interfaces.SwInterfaceDetails](v, &interfaces.SwInterfaceDump{SwIfIndex: i})
		return len(all) == 1 && all[0].Flags&interface_types.IF_STATUS_API_FLAG_LINK_UP != 0
	})
}

// ping returns what the event says; each echo has interval seconds to come back.
func (v *vpp) ping(dst string, repeat uint32, interval float64) (requests, replies uint32) {
	v.t.Helper()
	if v.pings == nil {
		// One for good: closing a watcher races with the next event in govpp
		// 0.13.0 ("send on closed channel").
		var err error
		if v.pings, err = v.conn.WatchEvent(context.Background(), &ping.PingFinishedEvent{}); err != nil {
			v.t.Fatal(err)
		}
		v.t.Cleanup(v.pings.Close)
	}
	to := ip_types.NewAddress(netip.MustParseAddr(dst).AsSlice())
	reply := &ping.WantPingFinishedEventsReply{}
	v.call(&ping.WantPingFinishedEvents{Address: to, Repeat: repeat, Interval: interval}, reply)
	check(v.t, "ping", reply.Retval, 0)
	select {
	case e := <-v.pings.Events():
		event := e.(*ping.PingFinishedEvent)
		return event.RequestCount, event.ReplyCount
	case <-time.After(patience):
		v.t.Fatal("no ping event")
		return 0, 0
	}
}

// reaches pings until an answer comes: a real VPP drops the first packets while
// it resolves a neighbour, and a link may only just have come up.
func (v *vpp) reaches(destinations ...string) {
	v.t.Helper()
	for _, dst := range destinations {
		eventually(v.t, "an answer from "+dst, func() bool {
			_, replies := v.ping(dst, 1, 0.05)
			return replies == 1
		})
	}
}

func (v *vpp) silent(dst string) {
	v.t.Helper()
	if _, replies := v.ping(dst, 2, 0.05); replies != 0 {
		v.t.Errorf("%s answers", dst)
	}
}
