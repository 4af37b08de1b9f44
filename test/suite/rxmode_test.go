package suite

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.fd.io/govpp/api"
	interfaces "go.fd.io/govpp/binapi/interface"
	"go.fd.io/govpp/binapi/interface_types"

	"github.com/userspace-cni/userspace-cni/pkg/vppsim/fault"
	"github.com/userspace-cni/userspace-cni/pkg/vppsim/memif"
	"github.com/userspace-cni/userspace-cni/test/lab"
)

// TestRxModesAPI is the part of the contract of VPP's binary API that needs a peer:
// what a queue's mode is when it connects, and after that.
func TestRxModesAPI(t *testing.T) {
	onEachAPI(t, func(v *contract) {
		links := v.links()
		v.take(step{"socket", socket(5, "/run/a"), 0})
		v.take(step{"memif", memifOn(5, 0), 0})
		v.take(step{"up", up(1), 0})
		v.take(step{"interrupts without a peer", rxMode(1, interface_types.RX_MODE_API_INTERRUPT), 0})
		leave := v.connect("/run/a", 2, links)
		oneQueue := func(queue uint32, mode interface_types.RxMode) *interfaces.SwInterfaceSetRxMode {
			return &interfaces.SwInterfaceSetRxMode{SwIfIndex: 1, QueueIDValid: true, QueueID: queue, Mode: mode}
		}
		for _, s := range []step{
			{"interrupts", rxMode(1, interface_types.RX_MODE_API_INTERRUPT), 0},
			{"again", rxMode(1, interface_types.RX_MODE_API_INTERRUPT), 0},
			{"adaptive, one queue", oneQueue(1, interface_types.RX_MODE_API_ADAPTIVE), 0},
			{"a queue that isn't there", oneQueue(2, interface_types.RX_MODE_API_POLLING), -9},
			{"polling", rxMode(1, interface_types.RX_MODE_API_POLLING), 0},
			{"adaptive", rxMode(1, interface_types.RX_MODE_API_ADAPTIVE), 0},
			{"the default", rxMode(1, interface_types.RX_MODE_API_DEFAULT), 0},
			{"interrupts", rxMode(1, interface_types.RX_MODE_API_INTERRUPT), 0},
		} {
			v.take(s)
		}
		leave()
		v.connect("/run/a", 1, links)()
		v.compare("testdata/api/rx-modes.txt")
	})
}

// links reports each change of a link, as VPP tells it.
func (v *contract) links() <-chan bool {
	v.Helper()
	watcher, err := v.conn.WatchEvent(v.Context(), &interfaces.SwInterfaceEvent{})
	v.must(err)
	v.must(v.conn.Invoke(v.Context(), &interfaces.WantInterfaceEvents{EnableDisable: 1, PID: 1}, &interfaces.WantInterfaceEventsReply{}))
	links := make(chan bool, 64)
	go func() {
		defer close(links)
		for event := range watcher.Events() {
			links <- event.(*interfaces.SwInterfaceEvent).Flags&interface_types.IF_STATUS_API_FLAG_LINK_UP != 0
		}
	}()
	return links
}

// connect connects a slave to the socket, and notes what that changes; so does
// leave.
func (v *contract) connect(socket string, queues uint8, links <-chan bool) (leave func()) {
	v.Helper()
	host := memif.NewHost("peer")
	peer := host.Dial(socket, memif.Config{
		IfName: "peer", Log2RingSize: 6, BufferSize: 2048, RxQueues: 1, TxQueues: queues,
		Receive: func([]byte) {}, Link: func(bool) {},
	})
	peer.SetUp(true)
	v.await(links, true)
	v.notes.WriteString("a peer connects\n")
	v.changes()
	return func() {
		v.Helper()
		peer.Close("")
		v.await(links, false)
		host.Wait()
		v.notes.WriteString("it disconnects\n")
		v.changes()
	}
}

func (v *contract) await(links <-chan bool, up bool) {
	v.Helper()
	ctx, cancel := context.WithTimeout(v.Context(), 20*time.Second)
	defer cancel()
	for {
		select {
		case got, ok := <-links:
			if !ok {
				v.Fatal("no more events")
			}
			if got == up {
				return
			}
		case <-ctx.Done():
			v.Fatalf("no event that says link up: %t", up)
		}
	}
}

// TestRxMode has a network whose endpoints wait for interrupts. ADD comes before
// the pod and can't set that; when the pod has connected CHECK says so, and a
// repeated ADD sets it and does nothing else: the connection stays, even where VPP
// refuses the mode.
func TestRxMode(t *testing.T) {
	onEach(t, func(b *bench) {
		proxy, err := lab.NewProxy(filepath.Join(b.dir, "proxy"), b.host.APISocket,
			fault.Fault{Action: fault.Refuse, Message: "sw_interface_set_rx_mode", N: 1, Retval: int32(api.UNIMPLEMENTED)})
		must(b, err)
		p := b.pod("pod")
		a := p.attach(b.network("net", b.hostLocal(1), object{"vppApiSocket": proxy.Path, "host": object{
			"iftype": "memif", "netType": "bridge", "bridge": object{"bridgeId": 4}, "rxMode": "interrupt",
		}}), "net1")
		first := a.add()
		a.intact("before the pod connects")
		if contract := a.contract(); strings.Contains(contract, "rxMode") {
			b.Errorf("the pod is told of the host's mode: %s", contract)
		}
		p.configure(1)
		toInterrupts := b.namesOf(a, first).Replace("set rx-mode of MEMIF to interrupt")
		for range 2 { // the first time VPP refuses
			a.mustFail("CHECK", 102, toInterrupts)
			b.says("check", 1, toInterrupts)
			before := len(proxy.Seen())
			if diff := cmp.Diff(first, a.add()); diff != "" {
				b.Errorf("the repeated ADD's result (-first +repeated):\n%s", diff)
			}
			changes := slices.DeleteFunc(proxy.Seen()[before:], func(message string) bool { return strings.HasSuffix(message, "_dump") })
			if diff := cmp.Diff([]string{"sw_interface_set_rx_mode"}, changes); diff != "" {
				b.Errorf("what the repeated ADD changed (-want +got):\n%s", diff)
			}
		}
		a.intact("after a repeated ADD")
		p.connected(1)
		a.del()
		must(b, proxy.Close())
	})
}

func (a attachment) intact(when string) {
	a.b.Helper()
	if err := a.call("CHECK").Error(); err != nil {
		a.b.Errorf("CHECK %s: %v", when, err)
	}
}
