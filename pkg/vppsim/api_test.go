package vppsim_test

import (
	"context"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	interfaces "go.fd.io/govpp/binapi/interface"
	"go.fd.io/govpp/binapi/ip"
	"go.fd.io/govpp/binapi/l2"
	"go.fd.io/govpp/binapi/memclnt"
	memifapi "go.fd.io/govpp/binapi/memif"
	"go.fd.io/govpp/binapi/vlib"
	"go.fd.io/govpp/binapi/vpe"

	"github.com/userspace-cni/userspace-cni/pkg/vppsim"
)

// The return codes below were seen on VPP 26.06 with the same requests.

func TestMemifSocketCodes(t *testing.T) {
	v := start(t, vppsim.Options{})
	dir := t.TempDir()
	set := func(add bool, id uint32, name string) int32 {
		reply := &memifapi.MemifSocketFilenameAddDelV2Reply{}
		v.call(&memifapi.MemifSocketFilenameAddDelV2{IsAdd: add, SocketID: id, SocketFilename: name}, reply)
		return reply.Retval
	}
	check(t, "new", set(true, 5, dir+"/a"), 0)
	check(t, "identical", set(true, 5, dir+"/a"), 0)
	check(t, "another name", set(true, 5, dir+"/b"), -116)
	check(t, "id 0", set(true, 0, dir+"/b"), -73)
	check(t, "no name", set(true, 6, ""), -73)
	check(t, "delete absent", set(false, 66, ""), -73)
	i := v.memif(5, dir+"/a", memifapi.MemifCreateV2{})
	check(t, "delete in use", set(false, 5, ""), -74)
	v.call(&memifapi.MemifDelete{SwIfIndex: i}, &memifapi.MemifDeleteReply{})
	check(t, "delete", set(false, 5, ""), 0)
}

func (v *vpp) memifCode(r memifapi.MemifCreateV2) (index, int32) {
	v.t.Helper()
	reply := &memifapi.MemifCreateV2Reply{}
	v.call(&r, reply)
	return reply.SwIfIndex, reply.Retval
}

func TestMemifCreateCodes(t *testing.T) {
	v := start(t, vppsim.Options{})
	code := func(what string, r memifapi.MemifCreateV2, want int32) {
		t.Helper()
		_, got := v.memifCode(r)
		check(t, what, got, want)
	}
	v.memif(5, t.TempDir()+"/a", memifapi.MemifCreateV2{ID: 3})
	code("unknown socket", memifapi.MemifCreateV2{SocketID: 77}, -73)
	code("ring size", memifapi.MemifCreateV2{SocketID: 5, ID: 4, RingSize: 1000}, -73)
	code("same id", memifapi.MemifCreateV2{SocketID: 5, ID: 3}, -68)
	code("slave among masters", memifapi.MemifCreateV2{SocketID: 5, ID: 4, Role: memifapi.MEMIF_ROLE_API_SLAVE}, -68)
	reply := &memifapi.MemifDeleteReply{}
	v.call(&memifapi.MemifDelete{SwIfIndex: 0}, reply)
	check(t, "delete local0", reply.Retval, -2)
}

// A listener that can't be made poisons its socket id: the next create says
// that all is well, and nobody listens.
func TestMemifPoisonedSocket(t *testing.T) {
	v := start(t, vppsim.Options{})
	v.call(&memifapi.MemifSocketFilenameAddDelV2{IsAdd: true, SocketID: 9, SocketFilename: "/nowhere/x"}, &memifapi.MemifSocketFilenameAddDelV2Reply{})
	i, code := v.memifCode(memifapi.MemifCreateV2{SocketID: 9})
	check(t, "no directory", code, -14)
	if i != 1 {
		t.Errorf("sw_if_index %d", i)
	}
	if all := dump[*memifapi.MemifDetails](v, &memifapi.MemifDump{}); len(all) != 0 {
		t.Errorf("left behind: %+v", all[0])
	}
	_, code = v.memifCode(memifapi.MemifCreateV2{SocketID: 9})
	check(t, "poisoned", code, 0)
}

func TestInterfaceDump(t *testing.T) {
	v := start(t, vppsim.Options{})
	a := v.memif(5, t.TempDir()+"/a", memifapi.MemifCreateV2{ID: 3, HwAddr: [6]byte{2, 0, 0, 0, 0, 1}})
	v.loopback()
	tag := &interfaces.SwInterfaceTagAddDelReply{}
	v.call(&interfaces.SwInterfaceTagAddDel{IsAdd: true, SwIfIndex: a, Tag: "mine"}, tag)
	names := func(r interfaces.SwInterfaceDump) string {
		var names []string
		for _, d := range dump[*interfaces.SwInterfaceDetails](v, &r) {
			names = append(names, d.InterfaceName)
		}
		return strings.Join(names, " ")
	}
	for _, tc := range []struct {
		request interfaces.SwInterfaceDump
		want    string
	}{
		{interfaces.SwInterfaceDump{SwIfIndex: none}, "local0 memif5/3 loop0"},
		{interfaces.SwInterfaceDump{SwIfIndex: 0}, "local0 memif5/3 loop0"},
		{interfaces.SwInterfaceDump{SwIfIndex: a}, "memif5/3"},
		{interfaces.SwInterfaceDump{SwIfIndex: 99}, ""},
		{interfaces.SwInterfaceDump{SwIfIndex: a, NameFilterValid: true, NameFilter: "LO"}, "local0 loop0"},
	} {
		if got := names(tc.request); got != tc.want {
			t.Errorf("%+v: %q, want %q", tc.request, got, tc.want)
		}
	}
	d := dump[*interfaces.SwInterfaceDetails](v, &interfaces.SwInterfaceDump{SwIfIndex: a})[0]
	if d.Tag != "mine" || d.InterfaceDevType != "memif" || d.LinkMtu != 9000 || d.Mtu[0] != 9000 || d.L2Address[5] != 1 {
		t.Errorf("%+v", d)
	}
}

// Indices are reused, the last freed one first, without tag and addresses.
func TestIndexReuse(t *testing.T) {
	v := start(t, vppsim.Options{})
	path := t.TempDir() + "/a"
	a := v.memif(5, path, memifapi.MemifCreateV2{ID: 1})
	b := v.memif(5, path, memifapi.MemifCreateV2{ID: 2})
	v.call(&interfaces.SwInterfaceTagAddDel{IsAdd: true, SwIfIndex: b, Tag: "old"}, &interfaces.SwInterfaceTagAddDelReply{})
	v.addresses(b, "10.0.0.1/24")
	for _, i := range []index{a, b} {
		v.call(&memifapi.MemifDelete{SwIfIndex: i}, &memifapi.MemifDeleteReply{})
	}
	if got := v.memif(5, path, memifapi.MemifCreateV2{ID: 3}); got != b {
		t.Errorf("index %d, want %d", got, b)
	}
	d := dump[*interfaces.SwInterfaceDetails](v, &interfaces.SwInterfaceDump{SwIfIndex: b})[0]
	if d.Tag != "" || d.InterfaceName != "memif5/3" || len(dump[*ip.IPAddressDetails](v, &ip.IPAddressDump{SwIfIndex: b})) != 0 {
		t.Errorf("%+v", d)
	}
}

func TestLoopbackCodes(t *testing.T) {
	v := start(t, vppsim.Options{})
	create := func(instance uint32) int32 {
		reply := &interfaces.CreateLoopbackInstanceReply{}
		v.call(&interfaces.CreateLoopbackInstance{IsSpecified: true, UserInstance: instance}, reply)
		return reply.Retval
	}
	check(t, "new", create(16383), 0)
	check(t, "again", create(16383), -31)
	check(t, "too high", create(16384), -31)
	reply := &interfaces.DeleteLoopbackReply{}
	v.call(&interfaces.DeleteLoopback{SwIfIndex: 0}, reply)
	check(t, "delete local0", reply.Retval, -2)
	v.call(&interfaces.DeleteLoopback{SwIfIndex: 1}, reply)
	check(t, "delete", reply.Retval, 0)
	check(t, "free again", create(16383), 0)
}

func TestBridgeCodes(t *testing.T) {
	v := start(t, vppsim.Options{})
	set := func(add bool, id uint32) int32 {
		reply := &l2.BridgeDomainAddDelV2Reply{}
		v.call(&l2.BridgeDomainAddDelV2{IsAdd: add, BdID: id}, reply)
		return reply.Retval
	}
	join := func(i index, id uint32, kind l2.L2PortType) int32 {
		reply := &l2.SwInterfaceSetL2BridgeReply{}
		v.call(&l2.SwInterfaceSetL2Bridge{RxSwIfIndex: i, BdID: id, PortType: kind, Enable: true}, reply)
		return reply.Retval
	}
	loop, other := v.loopback(), v.loopback()
	check(t, "id 0", set(true, 0), -119)
	check(t, "delete id 0", set(false, 0), -121)
	check(t, "too high", set(true, 1<<24), -122)
	check(t, "new", set(true, 10), 0)
	check(t, "again", set(true, 10), -119)
	check(t, "delete absent", set(false, 11), -6)
	check(t, "join", join(loop, 10, l2.L2_API_PORT_TYPE_BVI), 0)
	check(t, "second BVI", join(other, 10, l2.L2_API_PORT_TYPE_BVI), -152)
	check(t, "absent interface", join(99, 10, 0), -2)
	check(t, "join too high", join(other, 1<<24, 0), -122)
	check(t, "join absent domain makes it", join(other, 44, 0), 0)
	check(t, "delete in use", set(false, 10), -120)
	all := dump[*l2.BridgeDomainDetails](v, &l2.BridgeDomainDump{BdID: 10, SwIfIndex: none})
	if len(all) != 1 || all[0].BviSwIfIndex != loop || len(all[0].SwIfDetails) != 1 || all[0].SwIfDetails[0].SwIfIndex != loop {
		t.Errorf("%+v", all)
	}
	v.call(&interfaces.DeleteLoopback{SwIfIndex: loop}, &interfaces.DeleteLoopbackReply{})
	check(t, "delete", set(false, 10), 0)
}

func TestAddressCodes(t *testing.T) {
	v := start(t, vppsim.Options{})
	a, b := v.loopback(), v.loopback()
	for _, tc := range []struct {
		i      index
		prefix string
		want   int32
	}{
		{0, "10.0.0.1/24", -126},
		{99, "10.0.0.1/24", -2},
		{a, "10.0.0.1/24", 0},
		{a, "10.0.0.1/24", -105},
		{a, "10.0.0.2/24", 0},
		{a, "10.0.0.3/25", -105},
		{b, "10.0.0.1/24", -105},
		{b, "10.0.0.9/32", -105},
		{b, "10.0.0.0/16", -105},
		{b, "10.1.0.1/24", 0},
		{a, "fd00::1/64", 0},
		{a, "fd00::1/64", -127},
		{a, "fd00::2/64", 0},
		{b, "fd00::9/128", -127},
		{a, "fe80::5/64", -59},
		{a, "fe80::5/128", 0},
	} {
		check(t, tc.prefix, v.address(tc.i, tc.prefix), tc.want)
	}
	if got := dump[*ip.IPAddressDetails](v, &ip.IPAddressDump{SwIfIndex: a}); len(got) != 2 || got[0].Prefix.String() != "10.0.0.1/24" {
		t.Errorf("%+v", got)
	}
	if got := dump[*ip.IPAddressDetails](v, &ip.IPAddressDump{SwIfIndex: a, IsIPv6: true}); len(got) != 2 {
		t.Errorf("%+v", got)
	}
}

func TestIP6Enable(t *testing.T) {
	v := start(t, vppsim.Options{})
	i := v.loopback()
	set := func(enable bool) int32 {
		reply := &ip.SwInterfaceIP6EnableDisableReply{}
		v.call(&ip.SwInterfaceIP6EnableDisable{SwIfIndex: i, Enable: enable}, reply)
		return reply.Retval
	}
	check(t, "off when off", set(false), -62)
	check(t, "on", set(true), 0)
	check(t, "on again", set(true), -81)
	check(t, "off", set(false), 0)
	check(t, "off, the second on counted", set(false), 0)
	check(t, "off when off", set(false), -62)
}

func TestEvents(t *testing.T) {
	v := start(t, vppsim.Options{})
	watcher, err := v.conn.WatchEvent(context.Background(), &interfaces.SwInterfaceEvent{})
	if err != nil {
		t.Fatal(err)
	}
	defer watcher.Close()
	reply := &interfaces.WantInterfaceEventsReply{}
	v.call(&interfaces.WantInterfaceEvents{EnableDisable: 1, PID: 7}, reply)
	v.call(&interfaces.WantInterfaceEvents{EnableDisable: 1, PID: 7}, reply)
	check(t, "twice", reply.Retval, -31)
	loop := v.loopback()
	v.up(loop)
	v.up(loop) // no change, no event
	v.call(&interfaces.DeleteLoopback{SwIfIndex: loop}, &interfaces.DeleteLoopbackReply{})
	for _, want := range []interfaces.SwInterfaceEvent{
		{PID: 7, SwIfIndex: loop}, {PID: 7, SwIfIndex: loop, Flags: 3}, {PID: 7, SwIfIndex: loop, Deleted: true},
	} {
		select {
		case e := <-watcher.Events():
			if *e.(*interfaces.SwInterfaceEvent) != want {
				t.Errorf("event %+v, want %+v", e, want)
			}
		case <-time.After(patience):
			t.Fatalf("no event %+v", want)
		}
	}
}

func TestCLI(t *testing.T) {
	master, slave := start(t, vppsim.Options{}), start(t, vppsim.Options{})
	connect(t, master, slave, memifapi.MemifCreateV2{})
	cli := func(cmd string) *vlib.CliInbandReply {
		reply := &vlib.CliInbandReply{}
		master.call(&vlib.CliInband{Cmd: cmd}, reply)
		return reply
	}
	got := cli("show memif memif71/0").Reply
	for _, want := range []string{
		"interface memif71/0\n", "  remote-name \"VPPSIM 26.06-vppsim\"\n", "  remote-interface \"memif72/0\"\n",
		"  socket-id 71 id 0 mode ethernet\n", "  flags admin-up connected\n", "  71  yes (1)     /",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing in\n%s", want, got)
		}
	}
	if reply := cli("show nonsense"); reply.Retval != -1 || reply.Reply != "show: unknown input `nonsense'\n" {
		t.Errorf("%+v", reply)
	}
	version := &vpe.ShowVersionReply{}
	master.call(&vpe.ShowVersion{}, version)
	if version.Program != "vpe" || version.Version != vppsim.Version {
		t.Errorf("%+v", version)
	}
}

// Every message that a client may want is in the table, and one that the
// simulator lacks is missed at the call alone, as with VPP.
func TestUnknownMessage(t *testing.T) {
	v := start(t, vppsim.Options{})
	if err := v.try(&l2.L2fibFlushAll{}, &l2.L2fibFlushAllReply{}); err == nil || !strings.Contains(err.Error(), "unknown message") {
		t.Errorf("error %v", err)
	}
	v.call(&memclnt.ControlPing{}, &memclnt.ControlPingReply{})
}

// A client that only holds its connection open is a liveness watch.
func TestSilentClient(t *testing.T) {
	v := start(t, vppsim.Options{})
	conn, err := net.Dial("unix", v.socket)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	garbage, err := net.Dial("unix", v.socket)
	if err != nil {
		t.Fatal(err)
	}
	defer garbage.Close()
	_, _ = garbage.Write([]byte("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"))
	v.call(&memclnt.ControlPing{}, &memclnt.ControlPingReply{})
	second := v.connect()
	if err := second.Invoke(context.Background(), &memclnt.ControlPing{}, &memclnt.ControlPingReply{}); err != nil {
		t.Error(err)
	}
	_ = conn.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
	if _, err := conn.Read(make([]byte, 1)); err == nil || !err.(net.Error).Timeout() {
		t.Errorf("the silent client: %v", err)
	}
}

func TestStaleAndForeignSockets(t *testing.T) {
	path := filepath.Join(t.TempDir(), "api.sock")
	stale, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	if err := vppsim.New(vppsim.Options{APISocket: path}).Run(context.Background()); err == nil {
		t.Error("took a socket that somebody listens on")
	}
	stale.SetUnlinkOnClose(false)
	_ = stale.Close()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- vppsim.New(vppsim.Options{APISocket: path}).Run(ctx) }()
	eventually(t, "a stale socket is replaced", func() bool {
		conn, err := net.Dial("unix", path)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if files, _ := filepath.Glob(filepath.Dir(path) + "/*"); len(files) != 0 {
		t.Errorf("left behind: %v", files)
	}
}
