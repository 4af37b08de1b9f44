package suite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netns"
	"go.fd.io/govpp/binapi/session"
	"golang.org/x/sys/unix"

	"github.com/userspace-cni/userspace-cni/cnivpp/vpp"
	"github.com/userspace-cni/userspace-cni/pkg/abstract"
	"github.com/userspace-cni/userspace-cni/test/lab"
)

// sockets is a pod whose programs use the host's VPP by VCL: a network namespace.
type sockets struct {
	attachment
	addresses []string
}

// vcl is a configuration of a network of VCL endpoints, with more fields of the host's
// block vcl.
func (b *bench) vcl(name string, ipam object, vcl object) object {
	return b.network(name, ipam, object{"host": object{"iftype": "vcl", "netType": "interface", "mtu": 1500, "vcl": vcl}})
}

// sockets attaches a new pod.
func (b *bench) sockets(id string, conf object) *sockets {
	b.Helper()
	b.pods++
	return b.attachSockets(id, newNetns(b.T, fmt.Sprintf("%sv%d", filepath.Base(b.dir), b.pods)), conf, "net1")
}

func (b *bench) attachSockets(id, netns string, conf object, ifName string) *sockets {
	b.Helper()
	s := &sockets{attachment: b.attach(conf, id, ifName)}
	s.netns = netns
	for _, ip := range s.add().IPs {
		s.addresses = append(s.addresses, ip.Address.IP.String())
	}
	return s
}

// app is a command of usrsp-app in the pod.
func (s *sockets) app(words ...string) *exec.Cmd {
	return s.command(append([]string{filepath.Join(bin, "usrsp-app"), words[0], "--shared-dir", filepath.Join(s.b.sharedDir(), s.id)}, words[1:]...)...)
}

func (s *sockets) command(words ...string) *exec.Cmd {
	cmd := exec.Command(words[0], words[1:]...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	return cmd
}

// vcl is a program in the pod that uses VCL.
func (s *sockets) vcl(program ...string) *exec.Cmd {
	s.b.Helper()
	library, missing := lab.VCLLibrary(s.b.engine)
	if missing != "" {
		s.b.Fatal(missing)
	}
	return s.app(append([]string{"vcl-exec", "--interface", s.ifName, "--library", library, "--"}, program...)...)
}

// program is a running one.
type program struct {
	b      *bench
	cmd    *exec.Cmd
	output *lockedBuffer
	ended  chan struct{}
	err    error
}

// start starts a command in the pod.
func (s *sockets) start(cmd *exec.Cmd) *program {
	s.b.Helper()
	p := &program{b: s.b, cmd: cmd, output: new(lockedBuffer), ended: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = p.output, p.output
	must(s.b, lab.StartIn(s.netns, cmd))
	go func() { p.err = cmd.Wait(); close(p.ended) }()
	s.b.Cleanup(p.stop)
	return p
}

func (p *program) stop() {
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) // it may have ended
	<-p.ended
}

// runs waits for the command's end, which must be a good one.
func (s *sockets) runs(cmd *exec.Cmd) string {
	s.b.Helper()
	out, err := s.tries(cmd)
	if err != nil {
		s.b.Fatalf("%s: %s: %v\n%s", s.id, strings.Join(cmd.Args, " "), err, out)
	}
	return out
}

func (s *sockets) tries(cmd *exec.Cmd) (string, error) {
	s.b.Helper()
	p := s.start(cmd)
	select {
	case <-p.ended:
		return p.output.String(), p.err
	case <-time.After(30 * time.Second):
		p.stop()
		return p.output.String(), errors.New("it did not end within 30s")
	}
}

// says waits until the program has written something.
func (p *program) says(text string) {
	p.b.Helper()
	for until := time.Now().Add(20 * time.Second); !strings.Contains(p.output.String(), text); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(until) {
			p.b.Fatalf("%q doesn't write %q within 20s:\n%s", p.cmd.Args, text, p.output)
		}
	}
}

// needIperf skips what can't be run here.
func needIperf(b *bench) {
	b.Helper()
	if _, missing := lab.VCLLibrary(b.engine); missing != "" {
		b.Skip(missing)
	}
	if _, err := exec.LookPath("iperf3"); err != nil {
		b.Skip("iperf3 is missing: apt-get install iperf3")
	}
}

// serve starts an iperf3 server that listens on one of the pod's addresses.
func (s *sockets) serve(address string) *program {
	s.b.Helper()
	p := s.start(s.vcl("iperf3", "-s", "-B", address, "--forceflush"))
	p.says("Server listening")
	return p
}

// measures has iperf3 reach an address, and asserts that data came over.
func (s *sockets) measures(what string, cmd *exec.Cmd) {
	s.b.Helper()
	out := s.runs(cmd)
	for line := range strings.Lines(out) {
		if strings.Contains(line, "receiver") && !strings.Contains(line, " 0.00 Bytes") {
			return
		}
	}
	s.b.Errorf("%s: nothing came over:\n%s", what, out)
}

func client(address string, more ...string) []string {
	return append([]string{"iperf3", "-c", address, "-t", "1", "--connect-timeout", "5000"}, more...)
}

// TestVCLTraffic has Debian's iperf3 talk between two pods of one VPP, over TCP and UDP,
// v4 and v6, started by usrsp-app and by a bare LD_PRELOAD.
func TestVCLTraffic(t *testing.T) {
	onEach(t, func(b *bench) {
		needIperf(b)
		conf := b.vcl("net", b.subnet("10.1.0.0/24", "fd00:1::/64"), nil)
		server, other := b.sockets("server", conf), b.sockets("client", conf)
		for _, address := range server.addresses {
			running := server.serve(address)
			other.measures("TCP", other.vcl(client(address)...))
			other.measures("UDP", other.vcl(client(address, "-u", "-b", "20M", "-l", "1200")...))
			environment := other.runs(other.app("vcl-conf", "--library", b.library(), "--output", filepath.Join(b.dir, "bare.conf")))
			words := append([]string{"env"}, strings.Fields(environment)...)
			other.measures("bare", other.command(append(words, client(address)...)...))
			running.stop()
		}
		server.intactAndGone(other)
	})
}

func (b *bench) library() string {
	library, _ := lab.VCLLibrary(b.engine)
	return library
}

// intactAndGone asserts that CHECK finds nothing to do after all that, and DELs.
func (s *sockets) intactAndGone(others ...*sockets) {
	s.b.Helper()
	for _, each := range append(others, s) {
		if err := each.call("CHECK").Error(); err != nil {
			s.b.Errorf("%s: CHECK: %v", each.id, err)
		}
		each.del()
	}
}

// TestVCLCutThrough: connections go from memory to memory where that is asked for, and
// only there.
func TestVCLCutThrough(t *testing.T) {
	onEach(t, func(b *bench) {
		needIperf(b)
		packets := map[bool]int{}
		for _, cutThrough := range []bool{false, true} {
			conf := b.vcl("net", b.subnet("10.1.0.0/24"), object{"cutThrough": cutThrough})
			server, other := b.sockets("server", conf), b.sockets("client", conf)
			running := server.serve(server.addresses[0])
			before := b.transmitted()
			other.measures("TCP", other.vcl(client(server.addresses[0])...))
			packets[cutThrough] = b.transmitted() - before
			running.stop()
			server.intactAndGone(other)
		}
		if packets[false] < 10*packets[true] {
			b.Errorf("VPP's stack has sent %d packets, and with cutThrough %d", packets[false], packets[true])
		}
	})
}

// transmitted counts the packets that VPP's stack has sent. ("show session verbose"
// would tell more, and crashes 23.06.)
func (b *bench) transmitted() int {
	b.Helper()
	count := 0
	for line := range strings.Lines(b.cliOf("show errors")) {
		var n int
		if _, err := fmt.Sscan(line, &n); err == nil && strings.Contains(line, "session-queue") {
			count += n
		}
	}
	return count
}

// python is Debian's: another one in PATH may be a script, whose shell VCL can't serve.
const python = "/usr/bin/python3"

// TestVCLPrograms: a server and a client that nobody made for VCL.
func TestVCLPrograms(t *testing.T) {
	onEach(t, func(b *bench) {
		needIperf(b)
		for _, needed := range []string{python, "curl"} {
			if _, err := exec.LookPath(needed); err != nil {
				b.Skipf("%s is missing: apt-get install python3 curl", needed)
			}
		}
		conf := b.vcl("net", b.subnet("10.1.0.0/24"), nil)
		server, other := b.sockets("server", conf), b.sockets("client", conf)
		must(b, os.WriteFile(filepath.Join(b.dir, "page"), []byte("it works"), 0o644))
		running := server.start(server.vcl(python, "-u", "-m", "http.server", "-d", b.dir, "-b", server.addresses[0], "8080"))
		running.says("Serving HTTP")
		out := other.runs(other.vcl("curl", "-sS", "--max-time", "10", "http://"+server.addresses[0]+":8080/page"))
		if out != "it works" {
			b.Errorf("curl got %q", out)
		}
		// What isn't the pod's own address can't be bound: nobody speaks in another's name.
		steal := fmt.Sprintf("import socket; s=socket.socket(); s.bind((%q,0)); s.settimeout(5); s.connect((%q,8080)); print('stolen')", "10.1.0.77", server.addresses[0])
		if out, err := other.tries(other.vcl(python, "-c", steal)); err == nil || strings.Contains(out, "stolen") {
			b.Errorf("a program speaks from an address that isn't its pod's:\n%s", out)
		}
		running.stop()
		server.intactAndGone(other)
	})
}

// TestVCLFromOthers: a VCL server is reached from a pod with a VPP of its own, and from
// beyond an interface that the administrator gave VPP.
func TestVCLFromOthers(t *testing.T) {
	onEach(t, func(b *bench) {
		needIperf(b)
		ipam := b.subnet("10.1.0.0/24", "fd00:1::/64")
		server := b.sockets("server", b.vcl("net", ipam, nil))
		pod := b.guest("pod", b.network("net", ipam, routed(0)))
		for _, address := range server.addresses {
			pod.mustReach(address)
		}
		running := server.serve(server.addresses[0])
		b.sessionLayer(pod.vpp, true)
		inPod := &sockets{attachment: pod.attachment}
		conf := filepath.Join(b.dir, "own.conf")
		must(b, os.WriteFile(conf, []byte("vcl {\n  app-scope-global\n  use-mq-eventfd\n  app-socket-api "+filepath.Join(pod.vpp.Dir, "app_ns_sockets/default")+"\n}\n"), 0o644))
		words := append([]string{"env", "VCL_CONFIG=" + conf, "LD_PRELOAD=" + b.library()}, client(server.addresses[0])...)
		inPod.measures("from the pod's own VPP", inPod.command(words...))

		outside := b.pod("outside")
		link := filepath.Join(b.dir, "link.sock")
		b.uplink("master", link)
		b.cli("set interface ip address memif9/0 192.0.2.1/24")
		for _, command := range []string{
			"create memif socket id 9 filename " + link, "create interface memif id 0 socket-id 9 slave", "set interface state memif9/0 up",
			"set interface ip address memif9/0 192.0.2.2/24", "ip route add 10.1.0.0/24 via 192.0.2.1 memif9/0",
		} {
			b.cliOn(outside.vpp, command)
		}
		outside.mustReach(server.addresses[0])
		running.stop()
		b.cli("set interface ip address del memif9/0 192.0.2.1/24")
		b.removeUplink()
		detach(pod)
		server.intactAndGone()
	})
}

// sessionLayer turns on a VPP's session layer, with or without its socket API.
func (b *bench) sessionLayer(on *lab.VPP, sockets bool) {
	b.Helper()
	b.adminOf(on, func(ctx context.Context, s *vpp.Session) error {
		client := session.NewServiceClient(s.Conn())
		if _, err := client.SessionSapiEnableDisable(ctx, &session.SessionSapiEnableDisable{IsEnable: sockets}); err != nil {
			return err
		}
		_, err := client.SessionEnableDisable(ctx, &session.SessionEnableDisable{IsEnable: true})
		return err
	})
}

// TestVCLSocket: the socket is in the pod's network namespace and in no other, and
// nothing of it is left, nor does it keep the namespace.
func TestVCLSocket(t *testing.T) {
	onEach(t, func(b *bench) {
		conf := b.vcl("net", b.subnet("10.1.0.0/24"), nil)
		one, two := b.sockets("one", conf), b.sockets("two", conf)
		elsewhere := newNetns(b.T, filepath.Base(b.dir)+"else")
		for path, want := range map[string]bool{one.netns: true, two.netns: true, elsewhere: false, "/proc/self/ns/net": false} {
			if got, err := abstract.IsTaken(path, "vpp/session"); err != nil || got != want {
				b.Errorf("@vpp/session in %s: %t, %v", path, got, err)
			}
		}
		one.del()
		if got, err := abstract.IsTaken(one.netns, "vpp/session"); err != nil || got {
			b.Errorf("@vpp/session is there after DEL: %t, %v", got, err)
		}
		// The pod's network namespace is gone before DEL, as when a node lost it.
		id := idOf(b, two.netns)
		if !isHeld(b, id) {
			b.Error("VPP has no socket in the network namespace of a pod that has an endpoint")
		}
		must(b, lab.DeleteNetns(two.netns))
		two.del()
		within(t, 10*time.Second, "without a socket of the network namespace", func() bool { return !isHeld(b, id) })
	})
}

func idOf(b *bench, path string) string {
	b.Helper()
	handle, err := netns.GetFromPath(path)
	must(b, err)
	defer handle.Close()
	return handle.UniqueId()
}

// isHeld tells whether VPP has a socket of a network namespace, which would live for as
// long.
func isHeld(b *bench, id string) bool {
	b.Helper()
	process, err := unix.PidfdOpen(b.host.PID(), 0)
	must(b, err)
	defer unix.Close(process)
	files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", b.host.PID()))
	must(b, err)
	for _, file := range files {
		number, err := strconv.Atoi(file.Name())
		must(b, err)
		if fd, err := unix.PidfdGetfd(process, number, 0); err == nil {
			held := netnsOfSocket(fd)
			unix.Close(fd)
			if held == id {
				return true
			}
		}
	}
	return false
}

// netnsOfSocket is empty for what isn't a socket.
func netnsOfSocket(fd int) string {
	handle, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCGSKNS, 0)
	if errno != 0 {
		return ""
	}
	namespace := netns.NsHandle(handle)
	defer namespace.Close()
	return namespace.UniqueId()
}
