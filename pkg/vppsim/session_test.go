package vppsim_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.fd.io/govpp/api"
	interfaces "go.fd.io/govpp/binapi/interface"
	"go.fd.io/govpp/binapi/ip"
	"go.fd.io/govpp/binapi/session"
	"go.fd.io/govpp/binapi/urpf"
	"go.fd.io/govpp/binapi/vlib"

	"github.com/userspace-cni/userspace-cni/pkg/vppsim"
)

func (v *vpp) cli(command string) (string, int32) {
	v.t.Helper()
	reply := &vlib.CliInbandReply{}
	v.call(&vlib.CliInband{Cmd: command}, reply)
	return reply.Reply, reply.Retval
}

func (v *vpp) says(command, want string) {
	v.t.Helper()
	if got, retval := v.cli(command); got != want || retval != 0 {
		v.t.Errorf("%s: retval %d, %q, want %q", command, retval, got, want)
	}
}

func (v *vpp) sessions(enable bool) {
	v.t.Helper()
	reply := &session.SessionEnableDisableReply{}
	v.call(&session.SessionEnableDisable{IsEnable: enable}, reply)
	check(v.t, "session layer", reply.Retval, 0)
}

func (v *vpp) namespace(id string, i index, socket string) int32 {
	v.t.Helper()
	reply := &session.AppNamespaceAddDelV4Reply{}
	v.call(&session.AppNamespaceAddDelV4{IsAdd: true, NamespaceID: id, SwIfIndex: i, SockName: socket}, reply)
	return reply.Retval
}

func (v *vpp) noNamespace(id string) int32 {
	v.t.Helper()
	reply := &session.AppNamespaceAddDelV4Reply{}
	v.call(&session.AppNamespaceAddDelV4{NamespaceID: id}, reply)
	return reply.Retval
}

// mustDie makes a request of which VPP dies.
func (v *vpp) mustDie(request, reply api.Message) {
	v.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	if err := v.conn.Invoke(ctx, request, reply); err == nil {
		v.t.Error("survived")
	}
	select {
	case err := <-v.served:
		if !errors.Is(err, vppsim.ErrDied) {
			v.t.Error(err)
		}
		v.served <- err
	case <-time.After(patience):
		v.t.Fatal("still alive")
	}
}

var colour = regexp.MustCompile("\x1b\\[[0-9;]*m")

// abstractName is one that no other test or program has.
func abstractName(t *testing.T) string {
	return fmt.Sprintf("vppsim/%d/%s", os.Getpid(), filepath.Base(t.TempDir()))
}

func dialApp(t *testing.T, name string) net.Conn {
	t.Helper()
	conn, err := net.Dial("unixpacket", name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	return conn
}

const appMessage = 209

// attach returns the retval and the index of the application.
func attach(t *testing.T, conn net.Conn) (int32, uint32) {
	t.Helper()
	request := make([]byte, appMessage)
	request[0] = 1
	copy(request[1:], "health")
	if _, err := conn.Write(request); err != nil {
		t.Fatal(err)
	}
	reply := make([]byte, 2*appMessage)
	n, err := conn.Read(reply)
	if err != nil || n != appMessage || reply[0] != 2 || reply[38] != 0 {
		t.Fatalf("%d bytes, type %d, %d descriptors: %v", n, reply[0], reply[38], err)
	}
	return int32(binary.NativeEndian.Uint32(reply[1:])), binary.NativeEndian.Uint32(reply[5:])
}

func closed(conn net.Conn) bool {
	_, err := conn.Read(make([]byte, 1))
	return err != nil && !errors.Is(err, os.ErrDeadlineExceeded)
}

func TestSessionLayer(t *testing.T) {
	v := start(t, vppsim.Options{})
	for command, want := range map[string]string{
		"show session":     "show session: session layer is not enabled\n",
		"show app ns":      "show app: session layer is not enabled\n",
		"show app ns id x": "show app: session layer is not enabled\n",
	} {
		if got, retval := v.cli(command); got != want || retval != -1 {
			t.Errorf("%s: retval %d, %q", command, retval, got)
		}
	}
	check(t, "a namespace too early", v.namespace("x", none, "abstract:x"), -30)
	v.sessions(true)
	v.sessions(true)
	reply := &session.SessionSapiEnableDisableReply{}
	v.call(&session.SessionSapiEnableDisable{}, reply)
	check(t, "the socket API off with a namespace", reply.Retval, -1)
	v.says("show session", "Thread 0: no sessions\n")
	v.says("show app ns id y", "ns y not found\n")
	loop := v.loopback()
	name := abstractName(t)
	check(t, "namespace", v.namespace("x", loop, "abstract:"+name), 0)
	width := len("/run/vpp/app_ns_sockets/default")
	table, _ := v.cli("show app ns")
	want := fmt.Sprintf("Index Secret Interface            Id      %-*s\n", width, "Socket") +
		"0     0      DELETED (4294967295) default /run/vpp/app_ns_sockets/default\n" +
		fmt.Sprintf("1     0      loop0                x       %-*s\n", width, "abstract:"+name)
	if got := colour.ReplaceAllString(table, ""); got != want && len(name)+9 <= width {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if !strings.HasPrefix(table, "\x1b[33mIndex\x1b[0m ") {
		t.Errorf("no colours: %q", table)
	}
	v.says("show app ns id x", "Application namespace [1]\nid:        x\nsecret:    0\nInterface: loop0\nSocket:    abstract:"+name+
		"\nListener                      Application                   \n")
	v.call(&interfaces.DeleteLoopback{SwIfIndex: loop}, &interfaces.DeleteLoopbackReply{})
	if got, _ := v.cli("show app ns id x"); !strings.Contains(got, "Interface: DELETED (1)\n") {
		t.Error(got)
	}
	v.loopback()
	if got, _ := v.cli("show app ns id x"); !strings.Contains(got, "Interface: loop0\n") {
		t.Error(got)
	}
	v.sessions(false)
	check(t, "a namespace too late", v.namespace("z", none, "abstract:z"), -30)
	v.sessions(true)
	check(t, "delete", v.noNamespace("x"), 0)
	check(t, "delete again", v.noNamespace("x"), -19)
	if _, err := net.Dial("unixpacket", "@"+name); err == nil {
		t.Error("still listens")
	}
}

func TestWithoutSocketAPI(t *testing.T) {
	v := start(t, vppsim.Options{})
	reply := &session.SessionSapiEnableDisableReply{}
	v.call(&session.SessionSapiEnableDisable{}, reply)
	check(t, "off", reply.Retval, 0)
	v.sessions(true)
	v.says("show app ns id default", "Application namespace [0]\nid:        default\nsecret:    0\nListener                      Application                   \n")
	check(t, "namespace", v.namespace("x", 0, "abstract:vpp/session,netns_name=none"), 0)
	v.says("show app ns id x api-clients", "app socket api not enabled!\n")
	check(t, "delete", v.noNamespace("x"), 0)
}

func TestAttach(t *testing.T) {
	v := start(t, vppsim.Options{})
	v.sessions(true)
	name := abstractName(t)
	check(t, "namespace", v.namespace("x", 0, "abstract:"+name), 0)
	clients := func() string {
		got, _ := v.cli("show app ns id x api-clients")
		lines := strings.Split(got, "\n")
		for i := range lines {
			lines[i] = lines[i][:min(len(lines[i]), 24)] // without the descriptor
		}
		return strings.Join(lines[2:], "\n")
	}
	const listener = "          -1          -1\n"
	conn := dialApp(t, "@"+name)
	retval, app := attach(t, conn)
	check(t, "attach", retval, 0)
	if want := fmt.Sprintf("%s%12d           0\n", listener, app); clients() != want {
		t.Errorf("%q, want %q", clients(), want)
	}
	retval, _ = attach(t, conn)
	check(t, "attach again", retval, -14)
	other := dialApp(t, "@"+name)
	if _, another := attach(t, other); another == app {
		t.Error("two applications with one index")
	}
	_, _ = other.Write([]byte("x")) // no message
	if !closed(other) {
		t.Error("VPP lets go of who sends nonsense")
	}
	_ = conn.Close()
	eventually(t, "both are gone", func() bool { return clients() == listener })
	silent := dialApp(t, "@"+name)
	eventually(t, "a client", func() bool { return clients() == listener+listener })
	_ = silent.Close()
	last := dialApp(t, "@"+name)
	attach(t, last)
	if want := listener + listener; !strings.HasPrefix(clients(), want) {
		t.Errorf("VPP keeps a client that left without attaching: %q", clients())
	}
	check(t, "delete", v.noNamespace("x"), 0)
	if !closed(last) {
		t.Error("outlived its namespace")
	}
}

func TestNamespaceOfFile(t *testing.T) {
	v := start(t, vppsim.Options{})
	v.sessions(true)
	path := filepath.Join(t.TempDir(), "app.sock")
	for range 2 { // over what the first has left
		check(t, "namespace", v.namespace("x", 0, path), 0)
		attach(t, dialApp(t, path))
		info, err := os.Stat(path)
		if err != nil || info.Mode() != os.ModeSocket|0o775 {
			t.Errorf("%v, %v", info, err)
		}
		check(t, "delete", v.noNamespace("x"), 0)
	}
	if _, err := os.Stat(path); err != nil {
		t.Errorf("VPP leaves the file: %v", err)
	}
}

// A namespace whose socket can't be made stays, answers as if it were there, and
// kills VPP when it is deleted.
func TestFailedNamespace(t *testing.T) {
	dir := t.TempDir()
	taken := "abstract:" + abstractName(t)
	for _, socket := range []string{
		"abstract:x,netns_name=none", "abstract:x,netns_name=" + dir + "/none", taken, dir, dir + "/none/x", "relative", "unix:" + dir + "/x",
	} {
		v := start(t, vppsim.Options{})
		v.sessions(true)
		if socket == taken {
			check(t, "taken", v.namespace("other", 0, socket), 0)
		}
		loop := v.loopback()
		check(t, socket, v.namespace("x", loop, socket), -1)
		got, _ := v.cli("show app ns id x")
		if !strings.Contains(got, "Interface: local0\nSocket:    "+socket+"\n") {
			t.Errorf("%s: %s", socket, got)
		}
		check(t, "again", v.namespace("x", loop, socket), 0)
		if got, _ := v.cli("show app ns id x"); !strings.Contains(got, "Interface: loop0\n") {
			t.Errorf("%s: %s", socket, got)
		}
		v.mustDie(&session.AppNamespaceAddDelV4{NamespaceID: "x"}, &session.AppNamespaceAddDelV4Reply{})
	}
}

func TestClientsOfAbsentNamespace(t *testing.T) {
	v := start(t, vppsim.Options{})
	v.sessions(true)
	v.mustDie(&vlib.CliInband{Cmd: "show app ns id x api-clients"}, &vlib.CliInbandReply{})
}

// VPP makes the namespaces of an interface anew, clients and all, when its table
// changes and when it goes; it keeps the tables that they are in.
func TestNamespaceInTable(t *testing.T) {
	v := start(t, vppsim.Options{})
	v.sessions(true)
	loop, path := v.loopback(), filepath.Join(t.TempDir(), "app.sock")
	tables := func() int { return len(dump[*ip.IPTableDetails](v, &ip.IPTableDump{})) }
	bind := func(table uint32, v6 bool) {
		v.call(&ip.IPTableAddDel{IsAdd: true, Table: ip.IPTable{TableID: table, IsIP6: v6}}, &ip.IPTableAddDelReply{})
		reply := &interfaces.SwInterfaceSetTableReply{}
		v.call(&interfaces.SwInterfaceSetTable{SwIfIndex: loop, VrfID: table, IsIPv6: v6}, reply)
		check(t, "bind", reply.Retval, 0)
	}
	check(t, "namespace", v.namespace("x", loop, path), 0)
	first := dialApp(t, path)
	attach(t, first)
	bind(42, false)
	bind(42, true)
	if !closed(first) {
		t.Error("the client survived")
	}
	second := dialApp(t, path)
	attach(t, second)
	for _, v6 := range []bool{false, true} {
		v.call(&ip.IPTableAddDel{Table: ip.IPTable{TableID: 42, IsIP6: v6}}, &ip.IPTableAddDelReply{})
	}
	if tables() != 4 {
		t.Errorf("%d tables", tables())
	}
	v.call(&interfaces.DeleteLoopback{SwIfIndex: loop}, &interfaces.DeleteLoopbackReply{})
	if !closed(second) || tables() != 2 {
		t.Errorf("%d tables", tables())
	}
	attach(t, dialApp(t, path))
	check(t, "delete", v.noNamespace("x"), 0)
}

// The second time it deletes what it could not make the first time.
func TestInterfaceBeforeNamespace(t *testing.T) {
	v := start(t, vppsim.Options{})
	v.sessions(true)
	dir := filepath.Join(t.TempDir(), "d")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	loop := v.loopback()
	for _, v6 := range []bool{false, true} {
		v.call(&ip.IPTableAddDel{IsAdd: true, Table: ip.IPTable{TableID: 42, IsIP6: v6}}, &ip.IPTableAddDelReply{})
		v.call(&interfaces.SwInterfaceSetTable{SwIfIndex: loop, VrfID: 42, IsIPv6: v6}, &interfaces.SwInterfaceSetTableReply{})
	}
	check(t, "namespace", v.namespace("x", loop, dir+"/app.sock"), 0)
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	v.mustDie(&interfaces.DeleteLoopback{SwIfIndex: loop}, &interfaces.DeleteLoopbackReply{})
}

func TestEndOfSimulator(t *testing.T) {
	v := start(t, vppsim.Options{})
	v.sessions(true)
	name := abstractName(t)
	check(t, "namespace", v.namespace("x", 0, "abstract:"+name), 0)
	conn, silent := dialApp(t, "@"+name), dialApp(t, "@"+name)
	attach(t, conn)
	check(t, "broken", v.namespace("y", 0, "relative"), -1)
	v.mustDie(&session.AppNamespaceAddDelV4{NamespaceID: "y"}, &session.AppNamespaceAddDelV4Reply{})
	if !closed(conn) || !closed(silent) {
		t.Error("a client survived")
	}
	if _, err := net.Dial("unixpacket", "@"+name); err == nil {
		t.Error("still listens")
	}
}

// VPP's plugin remembers the check of an interface that has gone, and does nothing
// when the next one with its index is to have the same.
func TestURPF(t *testing.T) {
	v := start(t, vppsim.Options{})
	loop := v.loopback()
	set := func(mode urpf.UrpfMode) {
		t.Helper()
		reply := &urpf.UrpfUpdateReply{}
		v.call(&urpf.UrpfUpdate{IsInput: true, Mode: mode, SwIfIndex: loop}, reply)
		check(t, "set", reply.Retval, 0)
	}
	wantCheck := func(what string, want bool) {
		t.Helper()
		got, _ := v.cli("show interface features loop0")
		if strings.Contains(got, "ip4-unicast:\n  ip4-rx-urpf-strict\n") != want {
			t.Errorf("%s: %s", what, got)
		}
		all := dump[*urpf.UrpfInterfaceDetails](v, &urpf.UrpfInterfaceDump{SwIfIndex: none})
		if len(all) != 1 || all[0].SwIfIndex != loop || !all[0].IsInput || all[0].Mode != urpf.URPF_API_MODE_STRICT {
			t.Errorf("%s: %+v", what, all)
		}
	}
	set(urpf.URPF_API_MODE_STRICT)
	wantCheck("set", true)
	v.call(&interfaces.DeleteLoopback{SwIfIndex: loop}, &interfaces.DeleteLoopbackReply{})
	v.loopback()
	wantCheck("another interface", false)
	set(urpf.URPF_API_MODE_STRICT)
	wantCheck("set again", false)
	set(urpf.URPF_API_MODE_OFF)
	set(urpf.URPF_API_MODE_STRICT)
	wantCheck("off and set", true)
}
