package usrspapp

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/userspace-cni/userspace-cni/pkg/contract"
	"github.com/userspace-cni/userspace-cni/pkg/netconf"
)

// peer is what stands behind a socket instead of VPP's session layer.
type peer func(conn *net.UnixConn, request []byte)

func answers(reply []byte) peer {
	return func(conn *net.UnixConn, _ []byte) { _, _ = conn.Write(reply) }
}

// reply is VPP's, with a result.
func reply(result int32) []byte {
	message := make([]byte, sapiSize)
	message[0] = sapiAttachReply
	binary.NativeEndian.PutUint32(message[1:], uint32(result))
	return message
}

// vclApp has a network whose socket is a file, and a peer at it.
func vclApp(t *testing.T, p peer) *App {
	t.Helper()
	e := changed(vcl("blue"), func(s *netconf.Side) { s.VCL.SocketType, s.VCL.SocketName = netconf.SocketTypeFile, "s" })
	a := dpdkApp(t, e)
	listener, err := net.ListenUnix("unixpacket", &net.UnixAddr{Name: filepath.Join(a.SharedDir, "s"), Net: "unixpacket"})
	must(t, err)
	var served sync.WaitGroup
	served.Go(func() {
		for {
			conn, err := listener.AcceptUnix()
			if err != nil {
				return
			}
			served.Go(func() {
				defer conn.Close()
				request := make([]byte, 1024)
				n, _ := conn.Read(request)
				p(conn, request[:n])
				_, _ = io.Copy(io.Discard, conn) // until the other end has gone
			})
		}
	})
	t.Cleanup(func() {
		listener.Close()
		served.Wait()
	})
	return a
}

// TestHealthVCL: whatever the peer does, there is a line within the time, and
// nothing is left open.
func TestHealthVCL(t *testing.T) {
	manyFiles := func(conn *net.UnixConn, _ []byte) {
		null, err := os.Open(os.DevNull)
		must(t, err)
		defer null.Close()
		fds := make([]int, 253) // SCM_MAX_FD
		for i := range fds {
			fds[i] = int(null.Fd())
		}
		_, _, err = conn.WriteMsgUnix(reply(0), syscall.UnixRights(fds...), nil)
		must(t, err)
	}
	for name, c := range map[string]struct {
		peer peer
		want string
	}{
		"good":      {answers(reply(0)), "good: blue/net1 VCL answers on DIR/s"},
		"253 files": {manyFiles, "good: blue/net1 VCL answers on DIR/s"},
		"refused":   {answers(reply(-23)), "bad: network blue, interface net1: no answer on DIR/s: VPP refuses applications with error -23 (session_error_t in src/vnet/session/session_types.h)"},
		"garbage":   {answers([]byte("HTTP/1.1 400 Bad Request\r\n\r\n and so on, and so on, and so on")), "bad: network blue, interface net1: no answer on DIR/s: what answers is not VPP's session layer"},
		"short":     {answers(reply(0)[:10]), "bad: network blue, interface net1: no answer on DIR/s: what answers is not VPP's session layer"},
		"hung":      {func(*net.UnixConn, []byte) {}, "bad: network blue, interface net1: no answer on DIR/s: nothing within 200ms (does the host's VPP hang?)"},
		"closed":    {func(conn *net.UnixConn, _ []byte) { conn.Close() }, "bad: network blue, interface net1: no answer on DIR/s: the connection was closed (has the host's VPP just died?)"},
	} {
		t.Run(name, func(t *testing.T) {
			a := vclApp(t, c.peer)
			a.mustSay(t, HealthOptions{Within: 200 * time.Millisecond}, c.want)
			before := openFiles(t)
			a.mustSay(t, HealthOptions{Within: 200 * time.Millisecond}, c.want)
			if name == "253 files" && openFiles(t) > before+8 {
				t.Errorf("%d open files, %d before", openFiles(t), before)
			}
		})
	}
}

func openFiles(t *testing.T) int {
	t.Helper()
	all, err := os.ReadDir("/proc/self/fd")
	must(t, err)
	return len(all)
}

// mustSay asserts the line, and that the error agrees.
func (a *App) mustSay(t *testing.T, options HealthOptions, want string) {
	t.Helper()
	if options.Within == 0 {
		options.Within = 20 * time.Second
	}
	var out bytes.Buffer
	err := a.Health(t.Context(), &out, options)
	if diff := cmp.Diff(want+"\n", strings.ReplaceAll(out.String(), a.SharedDir, "DIR")); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if good := strings.HasPrefix(want, "good"); good != (err == nil) || !good && !errors.Is(err, ErrUnhealthy) {
		t.Errorf("error %v with %q", err, want)
	}
}

// TestAttachMessage: the bytes are those of VPP's structure.
func TestAttachMessage(t *testing.T) {
	var got []byte
	a := vclApp(t, func(conn *net.UnixConn, request []byte) {
		got = request
		answers(reply(0))(conn, nil)
	})
	a.mustSay(t, HealthOptions{}, "good: blue/net1 VCL answers on DIR/s")
	if len(got) != 209 || got[0] != 1 || !bytes.HasPrefix(got[1:], []byte("usrsp-app-health\x00")) {
		t.Errorf("%d bytes: %q", len(got), got)
	}
	if segment := binary.NativeEndian.Uint64(got[65+2*8:]); segment != 1<<20 {
		t.Errorf("segment of %d bytes", segment)
	}
}

// TestHealthContract: the rest of what can be wrong is said, too.
func TestHealthContract(t *testing.T) {
	a := dpdkApp(t)
	a.mustSay(t, HealthOptions{}, "bad: no contract in DIR (is the pod's shared directory mounted there? did the CNI plugin's ADD succeed?)")
	write(t, a.SharedDir, changed(vcl("blue"), func(s *netconf.Side) { s.VCL.SocketType, s.VCL.SocketName = netconf.SocketTypeFile, "none" }))
	a.mustSay(t, HealthOptions{}, "bad: network blue, interface net1: no answer on DIR/none: there is no such socket (was the host's VPP restarted?)")
	a.mustSay(t, HealthOptions{Interface: "net7"}, `bad: the contract has no interface "net7"`)
	if err := a.Health(t.Context(), io.Discard, HealthOptions{}); err == nil || !strings.Contains(err.Error(), "--within 0s") {
		t.Errorf("no time: %v", err)
	}
	must(t, os.WriteFile(filepath.Join(a.SharedDir, "configData-x.json"), []byte("{"), 0o600))
	a.mustSay(t, HealthOptions{}, "bad: contract: DIR/configData-x.json: unexpected end of JSON input")
}

// TestHealthVhost: a pod sees whether the socket is somebody's.
func TestHealthVhost(t *testing.T) {
	a := dpdkApp(t, vhost("red", netconf.VhostClient))
	path := filepath.Join(a.SharedDir, "vhost-red.sock")
	a.mustSay(t, HealthOptions{}, "bad: network red, interface net1: there is no socket DIR/vhost-red.sock (has its end been started?)")
	must(t, os.WriteFile(path, nil, 0o600))
	a.mustSay(t, HealthOptions{}, "bad: network red, interface net1: DIR/vhost-red.sock is not a socket")
	must(t, os.Remove(path))
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	must(t, err)
	listener.SetUnlinkOnClose(false)
	a.mustSay(t, HealthOptions{}, "good: red/net1 vhost-user has its socket")
	listener.Close()
	a.mustSay(t, HealthOptions{}, "bad: network red, interface net1: nobody listens on DIR/vhost-red.sock (was its end restarted?)")
}

// TestHealthMemif goes by the link on the container's VPP, where there is one.
func TestHealthMemif(t *testing.T) {
	b := newBench(t)
	write(t, b.SharedDir, entry("a"))
	b.mustSay(t, HealthOptions{}, "bad: network a, interface net1: the container's VPP has no interface for it (does usrsp-app run?)")
	b.reconciles("", "memif1/0")
	b.mustSay(t, HealthOptions{}, "bad: network a, interface net1: memif1/0 has no link (was the host's VPP restarted?)")
	b.VPPAPISocket += ".none"
	b.mustSay(t, HealthOptions{}, "good: a/net1 memif not checked (the application's)")
}

// TestHealthServer: requests that come during a check share it, and the status
// says the same as the line.
func TestHealthServer(t *testing.T) {
	a := vclApp(t, answers(reply(0)))
	ctx, stop := context.WithCancel(t.Context())
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	served := make(chan error, 1)
	go func() { served <- a.serveHealth(ctx, listener, HealthOptions{Within: 20 * time.Second}) }()
	get := func(path string) (int, string) {
		client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		response, err := client.Get("http://" + listener.Addr().String() + path)
		must(t, err)
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		must(t, err)
		return response.StatusCode, string(body)
	}
	for _, path := range []string{"/healthz", "/readyz"} {
		if status, body := get(path); status != http.StatusOK || !strings.HasPrefix(body, "good: ") {
			t.Errorf("%s: %d %q", path, status, body)
		}
	}
	if status, _ := get("/"); status != http.StatusNotFound {
		t.Errorf("/: %d", status)
	}
	must(t, os.Remove(filepath.Join(a.SharedDir, contract.FileName(vcl("blue").Attachment()))))
	if status, body := get("/readyz"); status != http.StatusServiceUnavailable || !strings.HasPrefix(body, "bad: no contract") {
		t.Errorf("no contract: %d %q", status, body)
	}
	stop()
	must(t, <-served)
}

func TestHealthShares(t *testing.T) {
	var checks atomic.Int32
	release := make(chan struct{})
	h := &health{check: func() (string, bool) {
		checks.Add(1)
		<-release
		return "good", true
	}}
	first := h.share()
	for range 10 {
		if h.share() != first {
			t.Error("a second check goes on")
		}
	}
	close(release)
	<-first.done
	<-h.share().done
	if n := checks.Load(); n != 2 {
		t.Errorf("%d checks, want 2", n)
	}
}

// TestConnector: where no program could connect, that is said.
func TestConnector(t *testing.T) {
	a := vclApp(t, answers(reply(0)))
	library := elfLibrary(t)
	t.Setenv("PATH", "/nowhere")
	options := HealthOptions{Library: library, Connect: netip.MustParseAddrPort("10.0.0.1:80")}
	a.mustSay(t, options, "bad: no connection to 10.0.0.1:80: --connect needs python3, perl or nc in the image: none is there")
}
