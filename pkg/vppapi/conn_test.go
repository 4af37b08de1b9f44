package vppapi

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.fd.io/govpp/api"
	interfaces "go.fd.io/govpp/binapi/interface"
	"go.fd.io/govpp/binapi/memclnt"
	"go.fd.io/govpp/binapi/memif"
	"go.fd.io/govpp/codec"
)

func TestCall(t *testing.T) {
	c := dial(t, serve(t, nil).path)
	for range 3 {
		if err := setFlags(within(t, patience), c); err != nil {
			t.Fatal(err)
		}
	}
	if len(c.inbox) != 0 {
		t.Errorf("%d calls are still waited for", len(c.inbox))
	}
}

func TestRetval(t *testing.T) {
	c := dial(t, serve(t, func(p *peer, _ uint16, data []byte) {
		p.reply(&interfaces.SwInterfaceSetFlagsReply{Retval: int32(api.INVALID_SW_IF_INDEX)}, p.contextOf(data))
	}).path)
	err := fmt.Errorf("wrapped: %w", setFlags(within(t, patience), c))
	if code, ok := Retval(err); !ok || code != api.INVALID_SW_IF_INDEX {
		t.Errorf("retval %v of %v", code, err)
	}
	if !IsRetval(err, api.BD_IN_USE, api.INVALID_SW_IF_INDEX) || IsRetval(err, api.BD_IN_USE) || IsRetval(err) || IsRetval(nil, api.BD_IN_USE) {
		t.Error("IsRetval is wrong")
	}
}

func TestUnknownMessage(t *testing.T) {
	c := dial(t, serve(t, nil).path)
	err := c.Supports(&memclnt.ControlPing{}, &memif.MemifCreateV2{}, &memif.MemifDelete{})
	for _, words := range []string{"memif_create_v2", "memif_delete", (&memif.MemifDelete{}).GetCrcString()} {
		if err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("Supports: %v lacks %s", err, words)
		}
	}
	if err := c.Supports(known...); err != nil {
		t.Error(err)
	}
	_, err = memif.NewServiceClient(c).MemifDelete(within(t, patience), &memif.MemifDelete{})
	if unknown := new(UnknownMessageError); !errors.As(err, &unknown) || unknown.Message != "memif_delete" {
		t.Errorf("call: %v", err)
	}
	if _, err := c.WatchEvent(t.Context(), &memif.MemifDetails{}); err == nil {
		t.Error("watching an unknown event")
	}
}

// TestSlowReader: a dump of any length is read whole, however slowly, and other
// calls on the connection don't wait for it.
func TestSlowReader(t *testing.T) {
	const details = 5000
	c := dial(t, serve(t, func(p *peer, id uint16, data []byte) {
		if id != ids["sw_interface_dump"] {
			answerAll(p, id, data)
			return
		}
		for i := range details {
			p.reply(&interfaces.SwInterfaceDetails{SwIfIndex: 0, InterfaceName: fmt.Sprint(i)}, p.contextOf(data))
		}
	}).path)
	ctx := within(t, patience)
	next := 0
	n, err := dump(ctx, c, func(d *interfaces.SwInterfaceDetails) {
		if d.InterfaceName != fmt.Sprint(next) {
			t.Fatalf("reply %d is %s", next, d.InterfaceName)
		}
		if next++; next%1000 == 1 { // this call's answer is behind all of the dump's
			if err := setFlags(ctx, c); err != nil {
				t.Fatal(err)
			}
		}
	})
	if n != details || err != nil {
		t.Errorf("%d replies, error %v", n, err)
	}
	if len(c.inbox) != 0 {
		t.Errorf("%d conversations are still open", len(c.inbox))
	}
}

// TestDetailsLaidOutAsARequest: their context is behind a client index of 0.
func TestDetailsLaidOutAsARequest(t *testing.T) {
	c := dial(t, serve(t, func(p *peer, id uint16, data []byte) {
		if id != ids["sw_interface_rx_placement_dump"] {
			answerAll(p, id, data)
			return
		}
		cut := binary.BigEndian.AppendUint16(nil, ids["sw_interface_rx_placement_details"])
		p.write(append(cut, 0, 0, 0, 0)) // too short to have a context
		details, err := codec.EncodeMsg(&interfaces.SwInterfaceRxPlacementDetails{QueueID: 7}, ids["sw_interface_rx_placement_details"])
		if err != nil {
			t.Error(err)
		}
		binary.BigEndian.PutUint32(details[requestContextOffset:], p.contextOf(data))
		p.write(details)
	}).path)
	all, err := interfaces.NewServiceClient(c).SwInterfaceRxPlacementDump(within(t, patience), &interfaces.SwInterfaceRxPlacementDump{})
	if err != nil {
		t.Fatal(err)
	}
	if d, err := all.Recv(); err != nil || d.QueueID != 7 {
		t.Errorf("details %+v, error %v", d, err)
	}
	if _, err := all.Recv(); err != io.EOF {
		t.Errorf("at the end: %v", err)
	}
}

// TestForgotten: a dump that nobody reads to its end is forgotten with its
// context.
func TestForgotten(t *testing.T) {
	c := dial(t, serve(t, silent).path)
	ctx, cancel := context.WithCancel(t.Context())
	if _, err := interfaces.NewServiceClient(c).SwInterfaceDump(ctx, &interfaces.SwInterfaceDump{}); err != nil {
		t.Fatal(err)
	}
	cancel()
	eventually(t, func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return len(c.inbox) == 0
	})
}

// eventually polls for what another goroutine is about to do.
func eventually(t *testing.T, done func() bool) {
	t.Helper()
	for ctx := within(t, patience); !done(); runtime.Gosched() {
		if ctx.Err() != nil {
			t.Fatal("it never happened")
		}
	}
}

// TestVPPDies: whoever waits learns of it at once, and so does who comes later.
func TestVPPDies(t *testing.T) {
	c := dial(t, serve(t, func(p *peer, _ uint16, _ []byte) { p.conn.Close() }).path)
	started := time.Now()
	for range 2 {
		if err := setFlags(within(t, patience), c); !errors.Is(err, ErrConnectionLost) {
			t.Errorf("call: %v", err)
		}
	}
	if _, err := dump(within(t, patience), c, nil); !errors.Is(err, ErrConnectionLost) {
		t.Errorf("dump: %v", err)
	}
	if waited := time.Since(started); waited > patience/2 {
		t.Errorf("it took %s", waited)
	}
	<-c.Gone()
}

// TestVPPDiesInADump: the end of the connection is not the dump's, which has
// io.EOF for it.
func TestVPPDiesInADump(t *testing.T) {
	c := dial(t, serve(t, func(p *peer, id uint16, _ []byte) {
		if id == ids["control_ping"] { // both requests were read, so that the socket ends without a reset
			p.conn.Close()
		}
	}).path)
	if _, err := dump(within(t, patience), c, nil); !errors.Is(err, ErrConnectionLost) || errors.Is(err, io.EOF) {
		t.Errorf("dump: %v", err)
	}
}

// TestVPPDiesAfterAnswering: what has arrived is still delivered.
func TestVPPDiesAfterAnswering(t *testing.T) {
	s := serve(t, func(p *peer, _ uint16, data []byte) {
		p.reply(&interfaces.SwInterfaceSetFlagsReply{}, p.contextOf(data))
		p.conn.Close()
	})
	for range 100 {
		c := dial(t, s.path)
		number, q := c.open()
		if err := c.send(within(t, patience), &interfaces.SwInterfaceSetFlags{}, number); err != nil {
			t.Fatal(err)
		}
		<-c.Gone()
		<-q.filled // only the end is left to wake the reader
		if _, err := q.get(within(t, patience), c); err != nil {
			t.Fatal(err)
		}
	}
}

// TestVPPHangs: the deadline holds, and the next call isn't confused by the
// answer to the last one.
func TestVPPHangs(t *testing.T) {
	var late uint32
	c := dial(t, serve(t, func(p *peer, _ uint16, data []byte) {
		if late == 0 {
			late = p.contextOf(data)
			return
		}
		p.reply(&interfaces.SwInterfaceSetFlagsReply{Retval: -1}, late)
		p.reply(&interfaces.SwInterfaceSetFlagsReply{}, p.contextOf(data))
	}).path)
	if err := setFlags(within(t, briefly), c); !errors.Is(err, ErrNoAnswer) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
	if err := setFlags(within(t, patience), c); err != nil {
		t.Error(err)
	}
}

// TestVPPReadsNothing: a request that doesn't fit into the socket's buffer waits
// for its deadline. Having been cut in the middle, it ends the connection.
func TestVPPReadsNothing(t *testing.T) {
	stop := make(chan struct{})
	s := serve(t, func(*peer, uint16, []byte) { <-stop })
	c := dial(t, s.path)
	defer close(stop)
	for {
		ctx, cancel := context.WithTimeout(t.Context(), briefly)
		context, _ := c.open()
		err := c.send(ctx, &interfaces.SwInterfaceDump{NameFilter: strings.Repeat("x", 200_000)}, context)
		cancel()
		c.forget(context)
		if err == nil {
			continue
		}
		if !errors.Is(err, ErrNoAnswer) {
			t.Errorf("error %v", err)
		}
		break
	}
	<-c.Gone()
	if err := setFlags(within(t, briefly), c); !errors.Is(err, ErrConnectionLost) {
		t.Errorf("after a cut frame: %v", err)
	}
}

func TestNobodyListens(t *testing.T) {
	path := socketPath(t)
	if _, err := Dial(within(t, patience), path, "test"); !errors.Is(err, ErrNotRunning) || !strings.Contains(err.Error(), path) {
		t.Errorf("no socket: %v", err)
	}
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	listener.(*net.UnixListener).SetUnlinkOnClose(false)
	listener.Close()
	if _, err := Dial(within(t, patience), path, "test"); !errors.Is(err, ErrNotRunning) {
		t.Errorf("dead socket: %v", err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Dial(within(t, patience), path, "test"); !errors.Is(err, ErrNotRunning) {
		t.Errorf("a file: %v", err)
	}
	if _, err := Dial(within(t, patience), path+"/api.sock", "test"); !errors.Is(err, ErrNotRunning) {
		t.Errorf("below a file: %v", err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	other, err := net.Listen("unixpacket", path) // as VPP's stats.sock
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if _, err := Dial(within(t, patience), path, "test"); !errors.Is(err, ErrNotRunning) {
		t.Errorf("a socket of another type: %v", err)
	}
}

// TestFullBacklog: it is tried again while VPP doesn't accept, and a connection
// is made as soon as there is room.
func TestFullBacklog(t *testing.T) {
	path := socketPath(t)
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err := errors.Join(err, syscall.Bind(fd, &syscall.SockaddrUnix{Name: path}), syscall.Listen(fd, 0)); err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(fd)
	first, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	_, err = Dial(within(t, 10*briefly), path, "test")
	if !errors.Is(err, ErrNoAnswer) || !strings.Contains(err.Error(), "listen queue") {
		t.Errorf("full: %v", err)
	}
	if _, err := dialSocket(late{t.Context()}, path); !errors.Is(err, ErrNoAnswer) {
		t.Errorf("the dialer's clock is ahead of the context's: %v", err)
	}
	dialed := make(chan error, 1)
	go func() {
		socket, err := dialSocket(within(t, patience), path)
		if err == nil {
			socket.Close()
		}
		dialed <- err
	}()
	accepted, _, err := syscall.Accept(fd)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(accepted)
	if err := <-dialed; err != nil {
		t.Errorf("after room was made: %v", err)
	}
}

// late is a context whose time is up, and whose timer has not been told yet.
type late struct{ context.Context }

func (late) Deadline() (time.Time, bool) { return time.Unix(1, 0), true }

// TestNoHandshake: something listens that isn't VPP, or hangs.
func TestNoHandshake(t *testing.T) {
	for name, c := range map[string]struct {
		answer []byte
		want   error
		words  string
	}{
		"nothing":     {nil, ErrNoAnswer, ""},
		"half":        {make([]byte, 20), nil, "bytes, allowed"},
		"text":        {[]byte("HTTP/1.1 400 Bad Request\r\n\r\n"), ErrNotRunning, "something else"},
		"too short":   {frame(make([]byte, 10)), nil, "too short"},
		"refused":     {frame(append(make([]byte, responseOffset), 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0)), api.UNSPECIFIED, ""},
		"cut table":   {frame(append(make([]byte, countOffset), 0, 9)), nil, "cut short"},
		"empty frame": {frame(nil), nil, "bytes, allowed"},
	} {
		t.Run(name, func(t *testing.T) {
			path := socketPath(t)
			listener, err := net.Listen("unix", path)
			if err != nil {
				t.Fatal(err)
			}
			var all sync.WaitGroup
			all.Go(func() {
				conn, err := listener.Accept()
				if err != nil {
					return
				}
				defer conn.Close()
				_, _ = readFrame(conn)
				_, _ = conn.Write(c.answer)
				_, _ = conn.Read(make([]byte, 1)) // until the client leaves
			})
			defer all.Wait()
			defer listener.Close()
			conn, err := Dial(within(t, briefly), path, "test")
			if err == nil {
				conn.Close()
				t.Fatal("connected")
			}
			if c.want != nil && !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.words) {
				t.Errorf("error %v, want %v %q", err, c.want, c.words)
			}
		})
	}
}

func frame(data []byte) []byte {
	header := make([]byte, frameHeader)
	binary.BigEndian.PutUint32(header[lengthOffset:], uint32(len(data)))
	return append(header, data...)
}

// TestConcurrentCallers: each gets its own answer, in whatever order they come.
func TestConcurrentCallers(t *testing.T) {
	var waiting []uint32
	c := dial(t, serve(t, func(p *peer, id uint16, data []byte) {
		if id != ids["sw_interface_set_flags"] {
			return
		}
		index := binary.BigEndian.Uint32(data[10:])
		waiting = append(waiting, p.contextOf(data), index)
		if len(waiting) < 8 {
			return
		}
		for i := len(waiting) - 2; i >= 0; i -= 2 { // the last one first
			p.reply(&interfaces.SwInterfaceSetFlagsReply{Retval: -int32(waiting[i+1])}, waiting[i])
		}
		waiting = nil
	}).path)
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			for range 100 {
				index := uint32(i + 1)
				reply := new(interfaces.SwInterfaceSetFlagsReply)
				err := c.Invoke(within(t, patience), &interfaces.SwInterfaceSetFlags{SwIfIndex: interfaceIndex(index)}, reply)
				if err != nil || reply.Retval != -int32(index) {
					t.Errorf("retval %d of %d, error %v", reply.Retval, index, err)
				}
			}
		})
	}
	all.Wait()
}
