package suite

import (
	"context"
	"fmt"
	"strings"
	"testing"

	interfaces "go.fd.io/govpp/binapi/interface"
	"go.fd.io/govpp/binapi/interface_types"
	"go.fd.io/govpp/binapi/ip_types"

	"github.com/userspace-cni/userspace-cni/cnivpp/vpp"
	"github.com/userspace-cni/userspace-cni/pkg/vppsim/fault"
	"github.com/userspace-cni/userspace-cni/test/lab"
)

// TestAddAfterFailedDel: a DEL that failed has given the addresses back, so an
// ADD doesn't go by its record, nor does CHECK.
func TestAddAfterFailedDel(t *testing.T) {
	onEach(t, func(b *bench) {
		a := b.attach(b.network("net", b.hostLocal(1), object{"vppApiSocket": b.switched()}), "first", "net1")
		before := a.add()
		proxy, err := lab.NewProxy(b.dir+"/proxy", b.host.APISocket, fault.Fault{Action: fault.Refuse, Message: "memif_delete", N: 1, Retval: -1})
		must(b, err)
		b.link(proxy.Path, b.dir+"/switched")
		a.mustFail("DEL", 100, "delete memif")
		b.switched()
		must(b, proxy.Close())
		a.mustFail("CHECK", 102, "ended on its way")
		after := a.add()
		if b.addresses() != 2 || after.IPs[0].Address.IP.Equal(before.IPs[0].Address.IP) {
			b.Errorf("%d addresses are given out, the pod has %v as before: %v", b.addresses(), after.IPs[0], before.IPs[0])
		}
		must(b, a.call("CHECK").Error())
		a.del()
	})
}

// TestForeignLoopback: a loopback that an administrator made under the instance
// that a network would choose is left alone.
func TestForeignLoopback(t *testing.T) {
	onEach(t, func(b *bench) {
		a := b.attach(b.network("net", b.subnet("10.1.0.0/24"), routed(7)), "pod", "net1")
		a.add()
		var instance uint32
		_, rest, _ := strings.Cut(b.left(), "interface loop")
		if _, err := fmt.Sscan(rest, &instance); err != nil {
			b.Fatal(err)
		}
		a.del()
		b.loopback(instance, "10.9.0.1/24")
		given := b.left()
		b.given = b.objects()
		a.add()
		if objects := b.left(); !strings.Contains(objects, "interface loop") {
			b.Errorf("the network has taken somebody's loopback for its gateway:\n%s", objects)
		}
		must(b, a.call("CHECK").Error())
		a.del()
		b.nothingLeft()
		b.given = nil
		if now := b.left(); now != given {
			b.Errorf("somebody's objects are\n%s\nthey were\n%s", now, given)
		}
		b.given = b.objects()
	})
}

// loopback makes one that is up, with an address, as an administrator might.
func (b *bench) loopback(instance uint32, address string) {
	b.Helper()
	prefix, err := ip_types.ParseAddressWithPrefix(address)
	must(b, err)
	b.admin(func(ctx context.Context, s *vpp.Session) error {
		client := interfaces.NewServiceClient(s.Conn())
		made, err := client.CreateLoopbackInstance(ctx, &interfaces.CreateLoopbackInstance{IsSpecified: true, UserInstance: instance})
		if err != nil {
			return err
		}
		if _, err := client.SwInterfaceAddDelAddress(ctx, &interfaces.SwInterfaceAddDelAddress{
			SwIfIndex: made.SwIfIndex, IsAdd: true, Prefix: prefix,
		}); err != nil {
			return err
		}
		_, err = client.SwInterfaceSetFlags(ctx, &interfaces.SwInterfaceSetFlags{
			SwIfIndex: made.SwIfIndex, Flags: interface_types.IF_STATUS_API_FLAG_ADMIN_UP,
		})
		return err
	})
}

// TestLateDelOfAnAddress deletes a former sandbox when its successor has the
// same address already: the successor's route stays.
func TestLateDelOfAnAddress(t *testing.T) {
	onEach(t, func(b *bench) {
		c := &crowd{bench: b}
		former, successor := c.recreated()
		former[0].add()
		successor[0].add()
		former[0].del()
		if err := successor[0].call("CHECK").Error(); err != nil {
			b.Errorf("CHECK of the successor: %v", err)
		}
		if objects := b.left(); !strings.Contains(objects, "route 10.6.0.10/32 in table 6") {
			b.Errorf("the successor's route is gone:\n%s", objects)
		}
		successor[0].del()
	})
}
