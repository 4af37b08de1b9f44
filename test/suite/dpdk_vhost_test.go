package suite

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/userspace-cni/userspace-cni/test/lab"
)

// onVPP runs a test on a real VPP: the simulator moves no frames over vhost-user.
func onVPP(t *testing.T, test func(b *bench)) {
	t.Helper()
	for _, engine := range engines {
		if engine.Real {
			test(newBench(t, engine))
			return
		}
	}
	t.Skip("no VPP was found, and the simulator moves no frames over vhost-user: VPP=/path/to/vpp make test")
}

// overVhost is a network of vhost-user endpoints in a bridge.
func (b *bench) overVhost(mode string, changes ...object) object {
	return b.network("net", append([]object{{"host": object{
		"iftype": "vhostuser", "netType": "bridge", "bridge": object{"bridgeId": 4}, "vhost": object{"mode": mode},
	}}}, changes...)...)
}

// TestDPDKVhost lets two applications exchange frames over vhost-user, in both
// modes, with one queue and with four, and again after each was started anew.
func TestDPDKVhost(t *testing.T) {
	needTestpmd(t)
	for _, mode := range []string{"server", "client"} {
		for _, queues := range []int{1, 4} {
			t.Run(fmt.Sprintf("%s with %d", mode, queues), func(t *testing.T) {
				onVPP(t, func(b *bench) { b.dpdkPair(queues, b.overVhost(mode)) })
			})
		}
	}
}

// TestDPDKVhostPacked does so with packed rings.
func TestDPDKVhostPacked(t *testing.T) {
	needTestpmd(t)
	onVPP(t, func(b *bench) {
		conf := b.overVhost("server")
		conf["host"].(object)["vhost"] = object{"mode": "server", "enablePacked": true}
		b.dpdkPair(1, conf)
	})
}

// TestDPDKVhostRxModes has VPP wait for interrupts of the drivers, once they have
// connected, and for either.
func TestDPDKVhostRxModes(t *testing.T) {
	needTestpmd(t)
	for _, mode := range []string{"interrupt", "adaptive"} {
		t.Run(mode, func(t *testing.T) {
			onVPP(t, func(b *bench) {
				conf := b.overVhost("server")
				conf["host"].(object)["rxMode"] = mode
				pods := []*application{b.application("pod-1", 2, "--forward-mode=rxonly"), b.application("pod-2", 2, "--forward-mode=rxonly")}
				attached := []attachment{pods[0].attach(conf, "net1"), pods[1].attach(conf, "net1")}
				for i, a := range attached {
					a.add()
					pods[i].start()
					within(b.T, 20*time.Second, "connected", func() bool { return a.call("CHECK").Code != 0 })
					a.mustFail("CHECK", 102, "set rx-mode of VirtualEthernet0/0/", " to "+mode)
					a.add()
					a.intact("after a repeated ADD")
				}
				pods[0].exchange(pods[1])
				for _, a := range attached {
					a.del()
				}
			})
		})
	}
}

// TestDPDKMixed joins a vhost-user pod and a memif pod by one bridge.
func TestDPDKMixed(t *testing.T) {
	needTestpmd(t)
	onVPP(t, func(b *bench) {
		pods := []*application{b.application("pod-1", 1, "--forward-mode=rxonly"), b.application("pod-2", 1, "--forward-mode=rxonly")}
		attached := []attachment{pods[0].attach(b.overVhost("server"), "net1"), pods[1].attach(b.network("net"), "net1")}
		for i, a := range attached {
			a.add()
			pods[i].start()
		}
		pods[0].exchange(pods[1])
		for _, a := range attached {
			a.del()
		}
	})
}

// TestDPDKGateway has an application answer the gateway of its routed network.
// testpmd's icmpecho mode answers ARP, too.
func TestDPDKGateway(t *testing.T) {
	needTestpmd(t)
	for _, kind := range []string{"memif", "vhostuser"} {
		t.Run(kind, func(t *testing.T) {
			onVPP(t, func(b *bench) {
				p := b.application("pod", 1, "--forward-mode=icmpecho", "--auto-start")
				a := p.attach(b.network("net", b.hostLocal(1), object{"host": object{"iftype": kind, "netType": "interface"}}), "net1")
				address := firstAddress(a)
				p.start()
				p.linked()
				b.mustAnswer(address)
				a.del()
			})
		})
	}
}

// mustAnswer pings an address from the host's VPP and asserts that nothing is
// lost once the neighbour is known.
func (b *bench) mustAnswer(address string) {
	b.Helper()
	out, _, err := lab.App(bin, "ping", address, "--interval", "50ms", "--settle", "10s", "--vpp-api-socket", b.host.APISocket)
	if err != nil || !strings.HasSuffix(out, "Statistics: 4 sent, 4 received, 0% packet loss\n") {
		b.Errorf("the gateway pings %s: %v\n%s", address, err, out)
	}
}

// TestDPDKUser connects as an ordinary user without capabilities; another one
// can't.
func TestDPDKUser(t *testing.T) {
	needTestpmd(t)
	needRoot(t)
	for kind, block := range map[string]string{"memif": "memif", "vhostuser": "vhost"} {
		t.Run(kind, func(t *testing.T) {
			onVPP(t, func(b *bench) {
				must(b, os.Chmod(b.dir, 0o711))
				user, other := b.application("user", 1, "--forward-mode=rxonly"), b.application("user", 1, "--forward-mode=rxonly")
				user.as, other.as = asNobodyBut(1234), asNobodyBut(4000)
				a := user.attach(b.network("net", object{"host": object{
					"iftype": kind, "netType": "bridge", "bridge": object{"bridgeId": 4}, block: object{"socketOwner": "1234"},
				}}), "net1")
				a.add()
				// DPDK's memif driver goes on trying; virtio-user gives up.
				err := other.tryStart()
				if kind == "vhostuser" && (err == nil || !strings.Contains(err.Error(), "ermission denied")) {
					b.Errorf("another user's application: %v", err)
				}
				user.start()
				user.linked()
				if kind == "memif" {
					must(b, err)
					other.mustHaveNoLink()
				}
				a.del()
			})
		})
	}
}

func (a *application) mustHaveNoLink() {
	a.b.Helper()
	if up, err := a.HasLink(); up || err != nil {
		a.b.Errorf("another user's application has a link: %t (%v)", up, err)
	}
}

// asNobodyBut are the words that make a user without groups and capabilities of
// what follows.
func asNobodyBut(uid int) []string {
	id := fmt.Sprint(uid)
	return []string{"setpriv", "--reuid", id, "--regid", id, "--clear-groups", "--inh-caps=-all", "--bounding-set=-all", "--no-new-privs"}
}
