package suite

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	current "github.com/containernetworking/cni/pkg/types/100"
	"go.fd.io/govpp/binapi/fib_types"
	"go.fd.io/govpp/binapi/ip"
	"go.fd.io/govpp/binapi/ip_types"

	"github.com/userspace-cni/userspace-cni/cnivpp/vpp"
)

// damage is one thing done to an endpoint by hand, by commands of VPP's CLI.
// MEMIF, HOST, LOOP, DOMAIN, SUB, NAMESPACE, OWN and PREFIX4 or PREFIX6 in a command
// stand for the names of its objects; "route PREFIX4" is no command of VPP's but removes
// that route, "lookup PREFIX4" the one into the endpoint's own table, and "table" the
// table (see [bench.removeTable]).
type damage struct {
	commands []string
	says     string
}

// TestCheckFindsWhatIsBroken removes each object of an endpoint by hand in turn,
// while it is the network's only one and while there is another: CHECK and
// `userspace check` say what is missing, and a repeated ADD makes it again.
func TestCheckFindsWhatIsBroken(t *testing.T) {
	onReal(t, func(b *bench) { b.eachDamage(b.findsBroken) })
}

// eachDamage tries each damage on an endpoint that is alone in its network, and
// with another one there.
func (b *bench) eachDamage(try func(conf object, d damage, other bool)) {
	inBridge := []damage{
		{[]string{"set interface state MEMIF down"}, "set MEMIF up"},
		{[]string{"clear interface tag MEMIF"}, `tag MEMIF "`},
		{[]string{"set interface l3 MEMIF"}, "add MEMIF to bridge-domain DOMAIN"},
		{[]string{"delete interface memif MEMIF"}, "create MEMIF"},
		// VPP doesn't delete the socket of an interface, nor a domain with ports.
		{[]string{"delete interface memif MEMIF", "delete memif socket id SOCKET"}, "create memif socket SOCKET"},
	}
	emptied := []damage{
		{[]string{"set interface l3 MEMIF", "create bridge-domain DOMAIN del"}, "create bridge-domain DOMAIN"},
	}
	onUplink := []damage{
		{[]string{"delete sub-interface SUB"}, "create SUB"},
		{[]string{"set interface l3 SUB"}, "add SUB to bridge-domain DOMAIN"},
		{[]string{"set interface l2 tag-rewrite SUB disable"}, "pop the VLAN tag on SUB"},
		{[]string{"set interface state SUB down"}, "set SUB up"},
	}
	inTable := []damage{
		{[]string{"route PREFIX4"}, "add route PREFIX4"},
		{[]string{"route PREFIX6"}, "add route PREFIX6"},
		{[]string{"set interface unnumbered del MEMIF"}, "unnumber MEMIF to LOOP"},
		{[]string{"delete interface memif MEMIF"}, "create MEMIF"},
		{[]string{"clear interface tag MEMIF"}, `tag MEMIF "`},
		{[]string{"clear interface tag LOOP"}, `tag LOOP "`},
		{[]string{"set interface ip address del LOOP 10.1.0.1/32"}, "add address 10.1.0.1/32"},
		{[]string{"set interface ip address del LOOP fd00:1::1/128"}, "add address fd00:1::1/128"},
		{[]string{"set interface state LOOP down"}, "set LOOP up"},
		{[]string{"delete loopback interface intfc LOOP"}, "create LOOP"},
	}
	ofHost := []damage{
		{[]string{"app ns del id NAMESPACE"}, "add app namespace NAMESPACE on HOST"},
		{[]string{"set interface state HOST down"}, "set HOST up"},
		{[]string{"clear interface tag HOST"}, `tag HOST "`},
		{[]string{"set interface ip address del HOST PREFIX4"}, "add address PREFIX4 to HOST"},
		{[]string{"app ns del id NAMESPACE", "delete loopback interface intfc HOST"}, "create HOST"},
		{[]string{"delete loopback interface intfc HOST"}, "create HOST"},
		{[]string{"lookup PREFIX4"}, "add route PREFIX4 in table 42 into table OWN"},
		{[]string{"lookup PREFIX6"}, "add route PREFIX6 in table 42 into table OWN"},
		{[]string{"set interface state LOOP down"}, "set LOOP up"},
		{[]string{"set ip neighbor static LOOP 169.254.85.83 02:00:00:00:00:01"}, "return packets to 169.254.85.83 by LOOP"},
	}
	// VPP 26.06 keeps the other endpoint's own table for IPv6 for good then.
	ofLoneHost := damage{[]string{"delete loopback interface intfc LOOP"}, "create LOOP"}
	// VPP keeps a table, and what is in it, as long as an interface is in it.
	emptiedTable := damage{[]string{"delete interface memif MEMIF", "delete loopback interface intfc LOOP", "table"}, "create table 42 v4"}
	link := filepath.Join(b.dir, "link.sock")
	b.uplink("master", link)
	bridge := b.network("net", b.hostLocal(2), bridged(object{"bridgeName": "blue"}))
	uplink := b.network("net", b.hostLocal(2), bridged(object{"bridgeName": "blue", "vlanId": 100, "uplink": "memif9/0"}))
	routedNet := b.network("net", b.subnet("10.1.0.0/24", "fd00:1::/64"), routed(42))
	hosts := b.vcl("net", b.subnet("10.1.0.0/24", "fd00:1::/64"), nil)
	hosts["host"].(object)["vrf"] = 42
	for _, d := range append(inBridge, emptied...) {
		try(bridge, d, false)
	}
	try(routedNet, emptiedTable, false)
	try(hosts, ofLoneHost, false)
	for _, d := range inBridge {
		try(bridge, d, true)
	}
	for _, other := range []bool{false, true} {
		for _, d := range onUplink {
			try(uplink, d, other)
		}
		for _, d := range inTable {
			try(routedNet, d, other)
		}
		for _, d := range ofHost {
			try(hosts, d, other)
		}
	}
	b.removeUplink()
}

// findsBroken does damage to an endpoint, alone in its network or with another
// one there, and repairs it.
func (b *bench) findsBroken(conf object, d damage, other bool) {
	b.Helper()
	before := b.left()
	a, neighbour := b.attach(conf, "broken", "net1"), b.attach(conf, "neighbour", "net1")
	result := a.add()
	if err := a.call("CHECK").Error(); err != nil {
		b.Errorf("intact: %v", err)
	}
	names := b.namesOf(a, result)
	if other {
		neighbour.add()
	}
	b.damage(d, names)
	says := names.Replace(d.says)
	a.mustFail("CHECK", 102, says)
	b.says("check", 1, says)
	a.add()
	if other {
		neighbour.add()
	}
	if err := a.call("CHECK").Error(); err != nil {
		b.Errorf("%v (another: %t), and ADD again: %v", d.commands, other, err)
	}
	b.says("check", 0, " 0 not intact")
	a.del()
	if other {
		neighbour.del()
	}
	if left := b.left(); left != before {
		b.Errorf("%v (another: %t): left behind:\n%s", d.commands, other, left)
	}
	if tables := b.cliOf("show ip table"); strings.Contains(tables, "42") {
		b.Errorf("%v (another: %t): table 42 is left:\n%s", d.commands, other, tables)
	}
}

// damage does it to the endpoint whose objects have these names.
func (b *bench) damage(d damage, names *strings.Replacer) {
	b.Helper()
	for _, command := range d.commands {
		command = names.Replace(command)
		prefix, isRoute := strings.CutPrefix(command, "route ")
		own, isLookup := strings.CutPrefix(command, "lookup ")
		switch {
		case isLookup:
			table, err := strconv.ParseUint(names.Replace("OWN"), 10, 32)
			must(b, err)
			b.removePath(netip.MustParsePrefix(own), 42, fib_types.FibPath{SwIfIndex: uint32(vpp.NoIndex), TableID: uint32(table)})
		case isRoute:
			b.removeRoute(netip.MustParsePrefix(prefix), 42, names.Replace("MEMIF"))
		case command == "table":
			b.removeTable(42)
		default:
			if answer := strings.TrimSpace(b.cliOf(command)); answer != "" {
				b.Logf("%s: %s", command, answer)
			}
		}
	}
}

// namesOf are what the objects of an endpoint are called on VPP.
func (b *bench) namesOf(a attachment, result *current.Result) *strings.Replacer {
	b.Helper()
	data, err := os.ReadFile(b.recordOf(a))
	must(b, err)
	var record struct {
		Spec struct {
			Tag          string
			Endpoint     struct{ SocketID, Instance uint32 }
			OwnTable     struct{ ID uint32 }
			BridgeDomain struct{ ID uint32 }
			Gateway      struct{ Instance uint32 }
		}
	}
	must(b, json.Unmarshal(data, &record))
	s := record.Spec
	names := []string{
		"MEMIF", fmt.Sprintf("memif%d/0", s.Endpoint.SocketID), "SOCKET", fmt.Sprint(s.Endpoint.SocketID),
		"DOMAIN", fmt.Sprint(s.BridgeDomain.ID), "LOOP", fmt.Sprintf("loop%d", s.Gateway.Instance), "SUB", "memif9/0.1000100",
		"HOST", fmt.Sprintf("loop%d", s.Endpoint.Instance), "OWN", fmt.Sprint(s.OwnTable.ID),
		"NAMESPACE", "usrsp-" + strings.TrimPrefix(s.Tag, "userspace-cni:"),
	}
	for _, ip := range result.IPs {
		address, _ := netip.AddrFromSlice(ip.Address.IP)
		address = address.Unmap()
		family := map[bool]string{true: "PREFIX6", false: "PREFIX4"}[address.Is6()]
		names = append(names, family, netip.PrefixFrom(address, address.BitLen()).String())
	}
	return strings.NewReplacer(names...)
}

// removeTable removes a table as its maker: the CLI would only take back what it
// has made itself.
func (b *bench) removeTable(id uint32) {
	b.Helper()
	b.admin(func(ctx context.Context, s *vpp.Session) error {
		for _, v6 := range []bool{false, true} {
			_, err := ip.NewServiceClient(s.Conn()).IPTableAddDel(ctx, &ip.IPTableAddDel{Table: ip.IPTable{TableID: id, IsIP6: v6}})
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// removeRoute removes an attached route as an administrator's program might.
func (b *bench) removeRoute(prefix netip.Prefix, table uint32, name string) {
	b.Helper()
	var index vpp.Index
	b.admin(func(ctx context.Context, s *vpp.Session) (err error) {
		index, err = s.Index(ctx, name)
		return err
	})
	b.removePath(prefix, table, fib_types.FibPath{SwIfIndex: uint32(index)})
}

func (b *bench) removePath(prefix netip.Prefix, table uint32, path fib_types.FibPath) {
	b.Helper()
	b.admin(func(ctx context.Context, s *vpp.Session) error {
		path.Weight = 1
		if prefix.Addr().Is6() {
			path.Proto = fib_types.FIB_API_PATH_NH_PROTO_IP6
		}
		_, err := ip.NewServiceClient(s.Conn()).IPRouteAddDel(ctx, &ip.IPRouteAddDel{IsMultipath: true, Route: ip.IPRoute{
			TableID: table, Prefix: ip_types.Prefix{Address: vpp.ToAddress(prefix.Addr()), Len: uint8(prefix.Bits())},
			NPaths: 1, Paths: []fib_types.FibPath{path},
		}})
		return err
	})
}
