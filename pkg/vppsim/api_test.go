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

// What test/suite/api_test.go compares with a real VPP is not repeated here.

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
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing in\n%s", want, got)
		}
	}
	if reply := cli("nonsense"); reply.Retval != -1 || reply.Reply != "unknown input `nonsense'\n" {
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
