package suite

import (
	"net/netip"
	"testing"

	"go.fd.io/govpp/api"
	"go.fd.io/govpp/binapi/fib_types"
	interfaces "go.fd.io/govpp/binapi/interface"
	"go.fd.io/govpp/binapi/interface_types"
	"go.fd.io/govpp/binapi/ip"
	"go.fd.io/govpp/binapi/ip_neighbor"
	"go.fd.io/govpp/binapi/ip_types"
	"go.fd.io/govpp/binapi/l2"
	"go.fd.io/govpp/binapi/memif"
	"go.fd.io/govpp/binapi/session"
	"go.fd.io/govpp/binapi/urpf"
	"go.fd.io/govpp/binapi/vhost_user"
)

// The contract of VPP's binary API, as far as the plugin leans on it. Each case
// starts with a VPP that has nothing but local0, so that interface indexes are
// what they say: 1 is the first that the case creates. What a step changes is in
// testdata/api, one file a case: see changes.

// step is a request and the retval that VPP answers it with.
type step struct {
	what    string
	request api.Message
	want    int32
}

// none is VPP's "no interface".
const none = ^interface_types.InterfaceIndex(0)

type index = interface_types.InterfaceIndex

func TestAPI(t *testing.T) {
	cases := map[string][]step{
		"memif-sockets": {
			{"new", socket(5, "/run/a"), 0},
			{"identical", socket(5, "/run/a"), 0},
			{"another name", socket(5, "/run/b"), -116},
			{"another id for the name", socket(6, "/run/a"), 0},
			{"id 0", socket(0, "/run/b"), -73},
			{"no name", socket(7, ""), -73},
			{"abstract", socket(7, "abstract:vpp/memif,netns_name=/run/netns/none"), 0},
			{"a name of 120 bytes", socket(8, "/run/"+letters(115)), 0},
			{"delete an absent one", noSocket(66), -73},
			{"delete id 0", noSocket(0), -73},
			{"memif", memifOn(5, 3), 0},
			{"delete in use", noSocket(5), -74},
			{"another name in use", socket(5, "/run/b"), -116},
			{"delete the memif", &memif.MemifDelete{SwIfIndex: 1}, 0},
			{"delete", noSocket(5), 0},
			{"delete again", noSocket(5), -73},
		},
		"memif": {
			{"socket", socket(5, "/run/a"), 0},
			{"unknown socket", memifOn(77, 0), -73},
			{"ring size", &memif.MemifCreateV2{SocketID: 5, ID: 4, RingSize: 1000}, -73},
			{"master", memifOn(5, 3), 0},
			{"same id", memifOn(5, 3), -68},
			{"slave among masters", &memif.MemifCreateV2{SocketID: 5, ID: 4, Role: memif.MEMIF_ROLE_API_SLAVE}, -68},
			{"second", memifOn(5, 4), 0},
			{"mode ip", &memif.MemifCreateV2{SocketID: 5, ID: 5, Mode: memif.MEMIF_MODE_API_IP}, 0},
			{"delete local0", &memif.MemifDelete{SwIfIndex: 0}, -2},
			{"delete an absent one", &memif.MemifDelete{SwIfIndex: 9}, -2},
			{"delete the first", &memif.MemifDelete{SwIfIndex: 1}, 0},
			{"delete it again", &memif.MemifDelete{SwIfIndex: 1}, -2},
			{"delete the last", &memif.MemifDelete{SwIfIndex: 3}, 0},
			{"index 3 is taken first", memifOn(5, 6), 0},
			{"and index 1 then", memifOn(5, 3), 0},
			{"a socket without its directory", socket(9, "/nowhere/x"), 0},
			{"no listener", memifOn(9, 0), -14},
			{"poisoned: nobody listens", memifOn(9, 0), 0},
		},
		"vhost-user": {
			{"no path", &vhost_user.CreateVhostUserIfV2{}, -73},
			{"server", vhostOn("/run/v", 70001, true), 0},
			{"another on its socket", vhostOn("/run/v", 70002, true), -79},
			{"client", vhostOn("/run/w", 70002, false), 0},
			{"a socket without its directory", vhostOn("/nowhere/x", 70003, true), -12},
			{"a client without the directory", vhostOn("/nowhere/x", 70003, false), 0},
			{"up", up(1), 0},
			{"delete as memif", &memif.MemifDelete{SwIfIndex: 1}, -2},
			{"delete as loopback", &interfaces.DeleteLoopback{SwIfIndex: 1}, -2},
			{"delete local0", &vhost_user.DeleteVhostUserIf{SwIfIndex: 0}, -2},
			{"delete an absent one", &vhost_user.DeleteVhostUserIf{SwIfIndex: 9}, -2},
			{"delete", &vhost_user.DeleteVhostUserIf{SwIfIndex: 1}, 0},
			{"delete again", &vhost_user.DeleteVhostUserIf{SwIfIndex: 1}, -2},
			{"another on the free socket", vhostOn("/run/v", 70001, true), 0},
		},
		"interfaces": {
			{"socket", socket(5, "/run/a"), 0},
			{"memif", memifOn(5, 0), 0},
			{"tag", tag(1, "mine"), 0},
			{"tag of 64 bytes", tag(1, letters(64)), 0},
			{"empty tag", tag(1, ""), -7},
			{"tag of an absent one", tag(9, "mine"), -2},
			{"untag", &interfaces.SwInterfaceTagAddDel{SwIfIndex: 1}, 0},
			{"untag again", &interfaces.SwInterfaceTagAddDel{SwIfIndex: 1}, 0},
			{"up", up(1), 0},
			{"up again", up(1), 0},
			{"up, absent", up(9), -2},
			{"down", &interfaces.SwInterfaceSetFlags{SwIfIndex: 1}, 0},
			{"MTU", &interfaces.SwInterfaceSetMtu{SwIfIndex: 1, Mtu: []uint32{1400, 0, 0, 0}}, 0},
			{"hardware MTU", &interfaces.HwInterfaceSetMtu{SwIfIndex: 1, Mtu: 1500}, 0},
			{"MAC address", &interfaces.SwInterfaceSetMacAddress{SwIfIndex: 1, MacAddress: [6]byte{2, 0, 0, 0, 0, 9}}, 0},
			{"interrupts without a peer", rxMode(1, interface_types.RX_MODE_API_INTERRUPT), 0},
			{"of one queue", &interfaces.SwInterfaceSetRxMode{SwIfIndex: 1, QueueIDValid: true, Mode: interface_types.RX_MODE_API_INTERRUPT}, -9},
			{"of an absent one", &interfaces.SwInterfaceSetRxMode{SwIfIndex: 9}, -2},
			{"tag again", tag(1, "old"), 0},
			{"address", address(1, "10.0.0.1/24"), 0},
			{"delete", &memif.MemifDelete{SwIfIndex: 1}, 0},
			{"the index again, without tag and address", loopback(0), 0},
		},
		"loopbacks": {
			{"instance", loopback(7), 0},
			{"again", loopback(7), -31},
			{"the highest", loopback(16383), 0},
			{"too high", loopback(16384), -31},
			{"any", &interfaces.CreateLoopbackInstance{}, 0},
			{"delete local0", &interfaces.DeleteLoopback{SwIfIndex: 0}, -2},
			{"delete an absent one", &interfaces.DeleteLoopback{SwIfIndex: 9}, -2},
			{"delete as memif", &memif.MemifDelete{SwIfIndex: 1}, -2},
			{"delete", &interfaces.DeleteLoopback{SwIfIndex: 1}, 0},
			{"delete again", &interfaces.DeleteLoopback{SwIfIndex: 1}, -2},
			{"free again", loopback(7), 0},
			{"socket", socket(5, "/run/a"), 0},
			{"memif", memifOn(5, 0), 0},
			{"delete a memif", &interfaces.DeleteLoopback{SwIfIndex: 4}, -2},
		},
		"bridge-domains": {
			{"id 0", domain(0), -119},
			{"too high", domain(1 << 24), -122},
			{"new", domain(10), 0},
			{"again", domain(10), -119},
			{"delete id 0", &l2.BridgeDomainAddDelV2{BdID: 0}, -121},
			{"delete an absent one", &l2.BridgeDomainAddDelV2{BdID: 11}, -6},
			{"loopback", loopback(0), 0},
			{"second loopback", loopback(1), 0},
			{"socket", socket(5, "/run/a"), 0},
			{"memif", memifOn(5, 0), 0},
			{"absent interface", port(9, 10, 0), -2},
			{"port", port(3, 10, 0), 0},
			{"the same port again", port(3, 10, 0), 0},
			{"BVI", port(1, 10, l2.L2_API_PORT_TYPE_BVI), 0},
			{"the BVI again", port(1, 10, l2.L2_API_PORT_TYPE_BVI), 0},
			{"second BVI", port(2, 10, l2.L2_API_PORT_TYPE_BVI), -152},
			{"too high a domain", port(2, 1<<24, 0), -122},
			{"an absent domain is made", port(2, 44, 0), 0},
			{"to another domain", port(2, 10, 0), 0},
			{"delete in use", &l2.BridgeDomainAddDelV2{BdID: 10}, -120},
			{"leave", &l2.SwInterfaceSetL2Bridge{RxSwIfIndex: 2, BdID: 10}, 0},
			{"leave again", &l2.SwInterfaceSetL2Bridge{RxSwIfIndex: 2, BdID: 10}, 0},
			{"leave from another domain", &l2.SwInterfaceSetL2Bridge{RxSwIfIndex: 3, BdID: 44}, 0},
			{"delete the BVI's loopback", &interfaces.DeleteLoopback{SwIfIndex: 1}, 0},
			{"delete", &l2.BridgeDomainAddDelV2{BdID: 10}, 0},
			{"delete again", &l2.BridgeDomainAddDelV2{BdID: 10}, -6},
		},
		"addresses": {
			{"loopback", loopback(0), 0},
			{"second", loopback(1), 0},
			{"local0", address(0, "10.0.0.1/24"), -126},
			{"absent interface", address(9, "10.0.0.1/24"), -2},
			{"new", address(1, "10.0.0.1/24"), 0},
			{"again", address(1, "10.0.0.1/24"), -105},
			{"its subnet's second", address(1, "10.0.0.2/24"), 0},
			{"overlapping", address(1, "10.0.0.3/25"), -105},
			{"on another interface", address(2, "10.0.0.9/32"), -105},
			{"up", up(1), 0},
			{"IPv6", address(1, "fd00::1/64"), 0},
			{"IPv6 again", address(1, "fd00::1/64"), -127},
			{"IPv6 on another interface", address(2, "fd00::9/128"), -127},
			{"link-local, too short", address(1, "fe80::5/64"), -59},
			{"link-local", address(1, "fe80::5/128"), 0},
			{"/32", address(2, "10.1.0.1/32"), 0},
			{"/128", address(2, "fd01::1/128"), 0},
			{"up", up(2), 0},
			{"delete an absent one", noAddress(1, "10.7.0.1/24"), -60},
			{"delete", noAddress(1, "10.0.0.2/24"), 0},
			{"delete again", noAddress(1, "10.0.0.2/24"), -60},
			{"delete all", &interfaces.SwInterfaceAddDelAddress{SwIfIndex: 1, DelAll: true}, 0},
			{"table", table(42, false, ""), 0},
			{"another table", loopback(2), 0},
			{"in the table", bind(3, 42, false), 0},
			{"the same address in another table", address(3, "10.1.0.1/32"), 0},
			{"IPv6 in table 0 still", address(3, "fd01::1/128"), -127},
			{"delete what has it", noAddress(2, "fd01::1/128"), 0},
			{"free again", address(3, "fd01::1/128"), 0},
			{"up", up(3), 0},
		},
		"tables": {
			{"new", table(42, false, "mine"), 0},
			{"again, by somebody else", table(42, false, "theirs"), 0},
			{"IPv6, without a name", table(42, true, ""), 0},
			{"table 0", table(0, false, "mine"), 0},
			{"delete an absent one", noTable(77, false), 0},
			{"delete table 0", noTable(0, false), 0},
			{"delete once", noTable(42, false), 0},
			{"again", table(42, false, "again"), 0},
			{"loopback", loopback(0), 0},
			{"bind to an absent table", bind(1, 77, false), -3},
			{"bind an absent interface", bind(9, 42, false), -2},
			{"bind", bind(1, 42, false), 0},
			{"bind again", bind(1, 42, false), 0},
			{"bind IPv6", bind(1, 42, true), 0},
			{"address", address(1, "10.0.0.1/32"), 0},
			{"bind with an address", bind(1, 0, false), -114},
			{"bind to its own table with an address", bind(1, 42, false), -114},
			{"bind to an absent table with an address", bind(1, 77, false), -3},
			{"bind IPv6, which has none", bind(1, 0, true), 0},
			{"up", up(1), 0},
			{"route", route(42, "10.9.0.0/16", 1, ""), 0},
			{"delete a table in use", noTable(42, false), 0},
			{"add it again", table(42, false, "third"), 0},
			{"delete it again", noTable(42, false), 0},
			{"its route afterwards", route(42, "10.9.0.0/16", 1, ""), 0},
			{"delete the loopback", &interfaces.DeleteLoopback{SwIfIndex: 1}, 0},
			{"delete IPv6", noTable(42, true), 0},
		},
		"unnumbered": {
			{"gateway", loopback(0), 0},
			{"gateway's address", address(1, "10.0.0.1/32"), 0},
			{"gateway's IPv6 address", address(1, "fd00::1/128"), 0},
			{"gateway up", up(1), 0},
			{"socket", socket(5, "/run/a"), 0},
			{"memif", memifOn(5, 0), 0},
			{"table", table(42, false, ""), 0},
			{"absent interface", unnumbered(9, 1), -2},
			{"absent lender", unnumbered(2, 9), -10},
			{"numbered off", &interfaces.SwInterfaceSetUnnumbered{SwIfIndex: 1, UnnumberedSwIfIndex: 2}, 0},
			{"bind", bind(2, 42, false), 0},
			{"other tables", unnumbered(2, 1), -74},
			{"bind back", bind(2, 0, false), 0},
			{"unnumbered", unnumbered(2, 1), 0},
			{"again", unnumbered(2, 1), 0},
			{"bind afterwards", bind(2, 42, false), -114},
			{"bind to its own table afterwards", bind(2, 0, false), -114},
			{"IPv6 on", &ip.SwInterfaceIP6EnableDisable{SwIfIndex: 2, Enable: true}, 0},
			{"up", up(2), 0},
			{"host route", route(0, "10.0.0.7/32", 2, "10.0.0.7"), 0},
			{"IPv6 host route", route(0, "fd00::7/128", 2, "fd00::7"), 0},
			{"numbered", &interfaces.SwInterfaceSetUnnumbered{SwIfIndex: 1, UnnumberedSwIfIndex: 2}, 0},
			{"unnumbered again", unnumbered(2, 1), 0},
			{"delete the gateway", &interfaces.DeleteLoopback{SwIfIndex: 1}, 0},
			{"its index again", loopback(7), 0},
			{"delete the memif", &memif.MemifDelete{SwIfIndex: 2}, 0},
		},
		"routes": {
			{"loopback", loopback(0), 0},
			{"second", loopback(1), 0},
			{"table", table(42, false, ""), 0},
			{"IPv6 table", table(42, true, ""), 0},
			{"address", address(1, "10.0.0.1/24"), 0},
			{"up", up(1), 0},
			{"up", up(2), 0},
			{"no path", &ip.IPRouteAddDel{IsAdd: true, Route: ip.IPRoute{Prefix: prefix("10.9.0.0/16")}}, -52},
			{"no path, one of many", &ip.IPRouteAddDel{IsMultipath: true, Route: ip.IPRoute{Prefix: prefix("10.9.0.0/16")}}, -52},
			{"absent table", route(77, "10.9.0.0/16", 1, ""), -3},
			{"absent interface", route(0, "10.9.0.0/16", 9, ""), -54},
			{"absent table of the gateway", &ip.IPRouteAddDel{IsAdd: true, Route: ip.IPRoute{
				Prefix: prefix("10.9.0.0/16"), NPaths: 1, Paths: []fib_types.FibPath{{SwIfIndex: uint32(none), TableID: 77}},
			}}, -3},
			{"the subnet's own", route(0, "10.0.0.0/24", 2, ""), 0},
			{"remove it", noRoute(0, "10.0.0.0/24", 2, ""), 0},
			{"attached", route(0, "10.9.0.0/16", 1, ""), 0},
			{"again", route(0, "10.9.0.0/16", 1, ""), 0},
			{"a second path", route(0, "10.9.0.0/16", 2, ""), 0},
			{"a gateway", route(0, "10.8.0.0/16", 1, "10.0.0.9"), 0},
			{"with host bits", route(0, "10.7.1.2/16", 1, "10.0.0.9"), 0},
			{"default", route(0, "0.0.0.0/0", 1, "10.0.0.9"), 0},
			{"IPv6", route(0, "fd09::/64", 1, "fd00::9"), 0},
			{"remove another path", noRoute(0, "10.9.0.0/16", 1, "10.0.0.9"), 0},
			{"remove a path", noRoute(0, "10.9.0.0/16", 1, ""), 0},
			{"remove the last", noRoute(0, "10.9.0.0/16", 2, ""), 0},
			{"remove it again", noRoute(0, "10.9.0.0/16", 2, ""), 0},
			{"lookup", &ip.IPRouteLookup{Exact: 1, Prefix: prefix("10.8.0.0/16")}, 0},
			{"lookup of an absent one", &ip.IPRouteLookup{Exact: 1, Prefix: prefix("10.9.0.0/16")}, -6},
			{"lookup of a subnet", &ip.IPRouteLookup{Exact: 1, Prefix: prefix("10.0.0.0/24")}, 0},
			{"lookup what a route covers", &ip.IPRouteLookup{Prefix: prefix("10.8.1.2/32")}, 0},
			{"lookup what the default covers", &ip.IPRouteLookup{Prefix: prefix("10.99.0.0/16")}, 0},
			{"lookup in an absent table", &ip.IPRouteLookup{Exact: 1, TableID: 77, Prefix: prefix("10.8.0.0/16")}, -3},
			{"lookup in the other table", &ip.IPRouteLookup{Exact: 1, TableID: 42, Prefix: prefix("10.8.0.0/16")}, -6},
			{"in a table", route(42, "10.0.0.7/32", 2, "10.0.0.7"), 0},
			{"IPv6 in a table", route(42, "fd00::7/128", 2, "fd00::7"), 0},
			{"replace all paths", &ip.IPRouteAddDel{IsAdd: true, Route: ip.IPRoute{
				TableID: 42, Prefix: prefix("10.0.0.7/32"), NPaths: 1, Paths: []fib_types.FibPath{pathTo("10.0.0.7/32", 1, "")},
			}}, 0},
			{"delete the prefix", &ip.IPRouteAddDel{Route: ip.IPRoute{TableID: 42, Prefix: prefix("10.0.0.7/32")}}, 0},
			{"in a table again", route(42, "10.0.0.7/32", 2, "10.0.0.7"), 0},
			{"attached host", route(42, "10.0.0.8/32", 2, ""), 0},
			{"remove it by a next hop", noRoute(42, "10.0.0.8/32", 2, "10.0.0.8"), 0},
			{"remove it as attached", noRoute(42, "10.0.0.8/32", 2, ""), 0},
			// Not here: attached and via itself at once. Removing either makes VPP
			// 23.06 to 26.06 crash some calls later.
			{"delete the IPv6 table", noTable(42, true), 0},
			{"delete the interface", &interfaces.DeleteLoopback{SwIfIndex: 2}, 0},
			{"its index again", loopback(9), 0},
			{"up", up(2), 0},
			{"delete the table", noTable(42, false), 0},
			{"down", &interfaces.SwInterfaceSetFlags{SwIfIndex: 1}, 0},
		},
		"neighbors": {
			{"loopback", loopback(0), 0},
			{"address", address(1, "10.0.0.1/24"), 0},
			{"up", up(1), 0},
			{"absent interface", neighbor(9, "10.0.0.2", true), -2},
			{"new", neighbor(1, "10.0.0.2", true), 0},
			{"again", neighbor(1, "10.0.0.2", true), 0},
			{"outside of the subnet", neighbor(1, "10.9.0.2", true), 0},
			{"route to the neighbor", route(0, "10.0.0.2/32", 1, "10.0.0.2"), 0},
			{"remove it", noRoute(0, "10.0.0.2/32", 1, "10.0.0.2"), 0},
			{"delete", neighbor(1, "10.0.0.2", false), 0},
			{"delete again", neighbor(1, "10.0.0.2", false), -6},
			{"IPv6", neighbor(1, "fd00::2", true), 0},
			{"down", &interfaces.SwInterfaceSetFlags{SwIfIndex: 1}, 0},
		},
		"subinterfaces": {
			{"socket", socket(5, "/run/a"), 0},
			{"uplink", memifOn(5, 0), 0},
			{"absent interface", vlan(9, 100), -2},
			{"VLAN 0", vlan(1, 0), -55},
			{"VLAN 4096", vlan(1, 4096), -55},
			{"VLAN", vlan(1, 100), 0},
			{"again", vlan(1, 100), -56},
			{"up below an interface that is down", up(2), -1},
			{"uplink up", up(1), 0},
			{"up", up(2), 0},
			{"tag", tag(2, "mine"), 0},
			{"pop on the uplink", pop(1), -72},
			{"pop on an absent one", pop(9), -2},
			{"nonsense", &l2.L2InterfaceVlanTagRewrite{SwIfIndex: 2, VtrOp: 99}, -7},
			{"pop", pop(2), 0},
			{"into a bridge domain", port(2, 10, 0), 0},
			{"with a number of its own", subif(1, 7, 200, 0x12), 0},
			{"number in use", subif(1, 7, 300, 0x12), -56},
			{"VLAN in use by another number", vlan(1, 200), -31},
			{"leave the bridge domain", &l2.SwInterfaceSetL2Bridge{RxSwIfIndex: 2, BdID: 10}, 0},
			{"pop", pop(2), 0},
			{"don't", &l2.L2InterfaceVlanTagRewrite{SwIfIndex: 2}, 0},
			{"pop two", &l2.L2InterfaceVlanTagRewrite{SwIfIndex: 2, VtrOp: 4}, -72},
			{"into a bridge domain again", port(2, 10, 0), 0},
			{"pop in the bridge domain", pop(2), 0},
			{"to another bridge domain", port(2, 11, 0), 0},
			{"on a sub-interface", vlan(2, 5), 0},
			{"interrupts on a sub-interface", rxMode(2, interface_types.RX_MODE_API_INTERRUPT), -7},
			{"delete the uplink as a sub-interface", &interfaces.DeleteSubif{SwIfIndex: 1}, -98},
			{"delete an absent one", &interfaces.DeleteSubif{SwIfIndex: 9}, -2},
			{"delete", &interfaces.DeleteSubif{SwIfIndex: 2}, 0},
			{"delete again", &interfaces.DeleteSubif{SwIfIndex: 2}, -2},
			{"the VLAN again, without tag, pop and bridge", vlan(1, 100), 0},
			{"up", up(2), 0},
			{"uplink down", &interfaces.SwInterfaceSetFlags{SwIfIndex: 1}, 0},
			{"down", &interfaces.SwInterfaceSetFlags{SwIfIndex: 2}, 0},
			{"delete a sub-interface as memif: the uplink goes", &memif.MemifDelete{SwIfIndex: 3}, 0},
			{"delete the uplink", &memif.MemifDelete{SwIfIndex: 1}, -2},
			{"uplink", memifOn(5, 0), 0},
			{"VLAN", vlan(1, 100), 0},
		},
		// Not here: an absent interface. VPP 23.06 dies of it.
		"names": {
			{"socket", socket(5, "/run/a"), 0},
			{"interface", memifOn(5, 0), 0},
			{"VLAN", vlan(1, 100), 0},
			{"no name", name(1, ""), -7},
			{"another name", name(1, "TenGigabitEthernet3/0/0"), 0},
			{"VLAN", vlan(1, 200), 0},
			{"a sub-interface's", name(2, "TenGigabitEthernet4/0/0"), 0},
		},
		// Not here: deleting a namespace whose socket could not be made. VPP 23.06 to
		// 26.06 die of it.
		"sessions": {
			{"loopback", loopback(0), 0},
			{"namespace without the session layer", namespace("x", 1, "abstract:vpp/api-test"), -30},
			{"delete without the session layer", noNamespace("x"), -30},
			{"socket API off", &session.SessionSapiEnableDisable{}, 0},
			{"socket API on", &session.SessionSapiEnableDisable{IsEnable: true}, 0},
			{"session layer", &session.SessionEnableDisable{IsEnable: true}, 0},
			{"again", &session.SessionEnableDisable{IsEnable: true}, 0},
			{"socket API off again", &session.SessionSapiEnableDisable{}, -1},
			{"socket API on again", &session.SessionSapiEnableDisable{IsEnable: true}, -1},
			{"absent interface", namespace("x", 9, "abstract:vpp/api-test"), -19},
			{"absent table", &session.AppNamespaceAddDelV4{IsAdd: true, NamespaceID: "x", SwIfIndex: none, IP4FibID: 77}, -19},
			{"no table", &session.AppNamespaceAddDelV4{IsAdd: true, NamespaceID: "x", SwIfIndex: none, IP4FibID: uint32(none), IP6FibID: uint32(none)}, -19},
			{"delete an absent one", noNamespace("x"), -19},
			{"namespace", namespace("x", 1, "abstract:vpp/api-test"), 0},
			{"again, elsewhere", namespace("x", 0, "abstract:vpp/other"), 0},
			{"its socket again", namespace("y", 1, "abstract:vpp/api-test"), -1},
			{"again", namespace("y", 1, "abstract:vpp/api-test"), 0},
			{"network namespace", namespace("z", 1, "abstract:vpp/api-test-z,netns_name=/proc/self/ns/net"), 0},
			{"in a field", &session.AppNamespaceAddDelV3{
				IsAdd: true, NamespaceID: "v3", SwIfIndex: 1, Secret: 7, SockName: "vpp/api-test-v3", Netns: "/proc/self/ns/net",
			}, 0},
			{"absent network namespace", namespace("none", 1, "abstract:vpp/api-test-n,netns_name=none"), -1},
			{"relative", namespace("relative", 1, "foo"), -1},
			{"no directory", namespace("nodir", 1, "/nowhere/x"), -1},
			{"with a prefix", namespace("unix", 1, "unix:/run/x"), -1},
			{"without a socket", namespace("own", 1, ""), 0},
			{"on a table", &session.AppNamespaceAddDelV4{IsAdd: true, NamespaceID: "table", SwIfIndex: none, SockName: "abstract:vpp/api-test-t"}, 0},
			{"delete", noNamespace("x"), 0},
			{"delete again", noNamespace("x"), -19},
			{"its index again", namespace("w", 1, "abstract:vpp/api-test"), 0},
			{"delete the interface", &interfaces.DeleteLoopback{SwIfIndex: 1}, 0},
			{"its index again", loopback(3), 0},
			{"session layer off", &session.SessionEnableDisable{}, 0},
			{"and on", &session.SessionEnableDisable{IsEnable: true}, 0},
			{"delete", noNamespace("w"), 0},
		},
		"sessions-in-tables": {
			{"session layer", &session.SessionEnableDisable{IsEnable: true}, 0},
			{"loopback", loopback(0), 0},
			{"table", table(42, false, ""), 0},
			{"IPv6 table", table(42, true, ""), 0},
			{"bind", bind(1, 42, false), 0},
			{"namespace", namespace("x", 1, "abstract:vpp/api-test"), 0},
			{"bind IPv6", bind(1, 42, true), 0},
			{"delete the table", noTable(42, false), 0},
			{"delete the IPv6 table", noTable(42, true), 0},
			{"delete the interface", &interfaces.DeleteLoopback{SwIfIndex: 1}, 0},
			{"delete the namespace", noNamespace("x"), 0},
			{"another table", table(43, false, ""), 0},
			{"namespace in it", &session.AppNamespaceAddDelV4{IsAdd: true, NamespaceID: "y", SwIfIndex: none, IP4FibID: 43, SockName: "abstract:vpp/api-test"}, 0},
			{"delete the table", noTable(43, false), 0},
			{"delete the namespace", noNamespace("y"), 0},
		},
		"sessions-without-sockets": {
			{"socket API off", &session.SessionSapiEnableDisable{}, 0},
			{"session layer", &session.SessionEnableDisable{IsEnable: true}, 0},
			{"namespace", namespace("x", 0, "abstract:vpp/api-test,netns_name=none"), 0},
			{"delete", noNamespace("x"), 0},
		},
		"urpf": {
			{"loopback", loopback(0), 0},
			{"absent interface", strict(9, 0), -2},
			{"mode", &urpf.UrpfUpdate{SwIfIndex: 1, Mode: 9}, -7},
			{"family", &urpf.UrpfUpdate{SwIfIndex: 1, Af: 9}, -97},
			{"strict", strict(1, 0), 0},
			{"again", strict(1, 0), 0},
			{"IPv6", strict(1, 1), 0},
			{"output, loose", &urpf.UrpfUpdate{SwIfIndex: 1, Mode: urpf.URPF_API_MODE_LOOSE}, 0},
			{"off", &urpf.UrpfUpdate{SwIfIndex: 1, IsInput: true, Af: 1}, 0},
			{"table", table(42, false, ""), 0},
			{"bind", bind(1, 42, false), 0},
			{"absent table", &urpf.UrpfUpdateV2{SwIfIndex: 1, IsInput: true, Mode: urpf.URPF_API_MODE_STRICT, TableID: 77}, -7},
			{"the interface's table", &urpf.UrpfUpdateV2{SwIfIndex: 1, IsInput: true, Mode: urpf.URPF_API_MODE_STRICT, TableID: uint32(none)}, 0},
			{"bind back", bind(1, 0, false), 0},
			{"delete", &interfaces.DeleteLoopback{SwIfIndex: 1}, 0},
			{"the index again, and what was remembered", loopback(0), 0},
			{"strict again: nothing happens", strict(1, 0), 0},
			{"off", &urpf.UrpfUpdate{SwIfIndex: 1, IsInput: true}, 0},
			{"strict", strict(1, 0), 0},
		},
	}
	for name, steps := range cases {
		t.Run(name, func(t *testing.T) {
			onEachAPI(t, func(v *contract) {
				for _, s := range steps {
					v.take(s)
				}
				v.compare("testdata/api/" + name + ".txt")
			})
		})
	}
}

func namespace(id string, i index, socket string) api.Message {
	return &session.AppNamespaceAddDelV4{IsAdd: true, NamespaceID: id, SwIfIndex: i, SockName: socket}
}

func noNamespace(id string) api.Message { return &session.AppNamespaceAddDelV4{NamespaceID: id} }

func strict(i index, af ip_types.AddressFamily) api.Message {
	return &urpf.UrpfUpdate{SwIfIndex: i, IsInput: true, Mode: urpf.URPF_API_MODE_STRICT, Af: af}
}

func letters(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = 'a' + byte(i%26)
	}
	return string(b)
}

func socket(id uint32, name string) api.Message {
	return &memif.MemifSocketFilenameAddDelV2{IsAdd: true, SocketID: id, SocketFilename: name}
}

func noSocket(id uint32) api.Message { return &memif.MemifSocketFilenameAddDelV2{SocketID: id} }

func vhostOn(path string, instance uint32, server bool) api.Message {
	return &vhost_user.CreateVhostUserIfV2{
		SockFilename: path, IsServer: server, Renumber: true, CustomDevInstance: instance,
		UseCustomMac: true, MacAddress: [6]byte{2, 0, 0, 0, 0, 9}, Tag: "mine",
	}
}

func memifOn(socket, id uint32) api.Message {
	return &memif.MemifCreateV2{SocketID: socket, ID: id, NoZeroCopy: true, HwAddr: [6]byte{2, 0, 0, 0, byte(socket), byte(id)}}
}

func tag(i index, tag string) api.Message {
	return &interfaces.SwInterfaceTagAddDel{IsAdd: true, SwIfIndex: i, Tag: tag}
}

func name(i index, name string) api.Message {
	return &interfaces.SwInterfaceSetInterfaceName{SwIfIndex: i, Name: name}
}

func up(i index) api.Message {
	return &interfaces.SwInterfaceSetFlags{SwIfIndex: i, Flags: interface_types.IF_STATUS_API_FLAG_ADMIN_UP}
}

func rxMode(i index, mode interface_types.RxMode) api.Message {
	return &interfaces.SwInterfaceSetRxMode{SwIfIndex: i, Mode: mode}
}

func loopback(instance uint32) api.Message {
	return &interfaces.CreateLoopbackInstance{IsSpecified: true, UserInstance: instance}
}

func domain(id uint32) api.Message {
	return &l2.BridgeDomainAddDelV2{IsAdd: true, BdID: id, BdTag: "mine", Flood: true, UuFlood: true, Forward: true, Learn: true}
}

func port(i index, domain uint32, kind l2.L2PortType) api.Message {
	return &l2.SwInterfaceSetL2Bridge{RxSwIfIndex: i, BdID: domain, PortType: kind, Enable: true}
}

// split reads a prefix that may be longer than its address allows.
func split(s string) (ip_types.Address, uint8) {
	var length uint8
	text := s
	for i := range s {
		if s[i] == '/' {
			text = s[:i]
			for _, digit := range s[i+1:] {
				length = 10*length + uint8(digit-'0')
			}
		}
	}
	return ip_types.NewAddress(netip.MustParseAddr(text).AsSlice()), length
}

func prefix(s string) ip_types.Prefix {
	a, length := split(s)
	return ip_types.Prefix{Address: a, Len: length}
}

func address(i index, s string) api.Message {
	return &interfaces.SwInterfaceAddDelAddress{SwIfIndex: i, IsAdd: true, Prefix: ip_types.AddressWithPrefix(prefix(s))}
}

func noAddress(i index, s string) api.Message {
	return &interfaces.SwInterfaceAddDelAddress{SwIfIndex: i, Prefix: ip_types.AddressWithPrefix(prefix(s))}
}

func table(id uint32, v6 bool, name string) api.Message {
	return &ip.IPTableAddDel{IsAdd: true, Table: ip.IPTable{TableID: id, IsIP6: v6, Name: name}}
}

func noTable(id uint32, v6 bool) api.Message {
	return &ip.IPTableAddDel{Table: ip.IPTable{TableID: id, IsIP6: v6}}
}

func bind(i index, table uint32, v6 bool) api.Message {
	return &interfaces.SwInterfaceSetTable{SwIfIndex: i, VrfID: table, IsIPv6: v6}
}

// unnumbered borrows the addresses of lender.
func unnumbered(i, lender index) api.Message {
	return &interfaces.SwInterfaceSetUnnumbered{IsAdd: true, UnnumberedSwIfIndex: i, SwIfIndex: lender}
}

func pathTo(to string, over index, via string) fib_types.FibPath {
	p := fib_types.FibPath{SwIfIndex: uint32(over), Weight: 1}
	if prefix(to).Address.Af == ip_types.ADDRESS_IP6 {
		p.Proto = fib_types.FIB_API_PATH_NH_PROTO_IP6
	}
	if via != "" {
		p.Nh.Address = prefix(via).Address.Un
	}
	return p
}

// route adds one path to a prefix.
func route(table uint32, to string, over index, via string) api.Message {
	return &ip.IPRouteAddDel{IsAdd: true, IsMultipath: true, Route: ip.IPRoute{
		TableID: table, Prefix: prefix(to), NPaths: 1, Paths: []fib_types.FibPath{pathTo(to, over, via)},
	}}
}

func noRoute(table uint32, to string, over index, via string) api.Message {
	m := route(table, to, over, via).(*ip.IPRouteAddDel)
	m.IsAdd = false
	return m
}

func neighbor(i index, a string, add bool) api.Message {
	return &ip_neighbor.IPNeighborAddDel{IsAdd: add, Neighbor: ip_neighbor.IPNeighbor{
		SwIfIndex: i, IPAddress: prefix(a).Address, MacAddress: [6]byte{2, 0, 0, 0, 0, 7},
		Flags: ip_neighbor.IP_API_NEIGHBOR_FLAG_STATIC,
	}}
}

func vlan(i index, id uint32) api.Message {
	return &interfaces.CreateVlanSubif{SwIfIndex: i, VlanID: id}
}

func subif(i index, number uint32, vlan uint16, flags interface_types.SubIfFlags) api.Message {
	return &interfaces.CreateSubif{SwIfIndex: i, SubID: number, OuterVlanID: vlan, SubIfFlags: flags}
}

// pop is L2_VTR_POP_1.
func pop(i index) api.Message { return &l2.L2InterfaceVlanTagRewrite{SwIfIndex: i, VtrOp: 3} }
