package suite

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"go.fd.io/govpp/binapi/fib_types"
	"go.fd.io/govpp/binapi/ip"
	"go.fd.io/govpp/binapi/ip_types"

	"github.com/userspace-cni/userspace-cni/cnivpp/vpp"
)

// TestCheckFindsWhatIsBroken removes each object of an endpoint by hand in turn:
// CHECK says what is missing, and a repeated ADD makes it again.
func TestCheckFindsWhatIsBroken(t *testing.T) {
	onReal(t, func(b *bench) {
		routedNet := b.network("routed", b.subnet("10.1.0.0/24", "fd00:1::/64"), routed(42))
		bridgedNet := b.network("bridged", b.hostLocal(2), bridged(object{"bridgeName": "blue"}))
		for _, c := range []struct {
			conf object
			// spoil is a CLI command, %s standing for the endpoint's interface, or the
			// subnet of the address whose route is removed.
			spoil string
			says  string
		}{
			{bridgedNet, "set interface state %s down", "up"},
			{bridgedNet, "set interface l3 %s", "bridge-domain"},
			{bridgedNet, "delete interface memif %s", "create memif"},
			{routedNet, "10.1.0.0/24", "add route 10.1.0."},
			{routedNet, "fd00:1::/64", "add route fd00:1::"},
			{routedNet, "set interface unnumbered del %s", "unnumber"},
			{routedNet, "delete interface memif %s", "create memif"},
		} {
			a := b.attach(c.conf, "broken", "net1")
			result := a.add()
			if err := a.call("CHECK").Error(); err != nil {
				b.Errorf("intact: %v", err)
			}
			name := fmt.Sprintf("memif%d/0", b.onlyMemif())
			if subnet, err := netip.ParsePrefix(c.spoil); err == nil {
				for _, ip := range result.IPs {
					if address, _ := netip.AddrFromSlice(ip.Address.IP); subnet.Contains(address.Unmap()) {
						b.removeRoute(netip.PrefixFrom(address.Unmap(), address.Unmap().BitLen()), 42, name)
					}
				}
			} else {
				b.cli(strings.ReplaceAll(c.spoil, "%s", name))
			}
			a.mustFail("CHECK", 102, c.says)
			a.add()
			if err := a.call("CHECK").Error(); err != nil {
				b.Errorf("%v, and ADD again: %v", c.spoil, err)
			}
			a.del()
			if left := b.left(); left != "" {
				b.Errorf("%v: left behind:\n%s", c.spoil, left)
			}
		}
	})
}

// removeRoute removes an attached route as an administrator's program might.
func (b *bench) removeRoute(prefix netip.Prefix, table uint32, name string) {
	b.Helper()
	b.admin(func(ctx context.Context, s *vpp.Session) error {
		index, err := s.Index(ctx, name)
		if err != nil {
			return err
		}
		path := fib_types.FibPath{SwIfIndex: uint32(index), Weight: 1}
		if prefix.Addr().Is6() {
			path.Proto = fib_types.FIB_API_PATH_NH_PROTO_IP6
		}
		_, err = ip.NewServiceClient(s.Conn()).IPRouteAddDel(ctx, &ip.IPRouteAddDel{IsMultipath: true, Route: ip.IPRoute{
			TableID: table, Prefix: ip_types.Prefix{Address: vpp.ToAddress(prefix.Addr()), Len: uint8(prefix.Bits())},
			NPaths: 1, Paths: []fib_types.FibPath{path},
		}})
		return err
	})
}
