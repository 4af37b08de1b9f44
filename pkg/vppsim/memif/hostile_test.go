package memif

import (
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// attacker is a peer that says what it likes.
type attacker struct {
	control
	t *testing.T
}

func victim(t *testing.T) (path string, frames chan int) {
	h := NewHost("victim")
	path = filepath.Join(t.TempDir(), "memif.sock")
	l, err := h.Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	frames = make(chan int, 1024)
	e := l.Add(Config{Receive: func(f []byte) { frames <- len(f) }, Link: func(bool) {}})
	t.Cleanup(func() {
		e.Close("")
		l.Close()
		h.Wait()
	})
	return path, frames
}

func attack(t *testing.T, path string) attacker {
	t.Helper()
	conn, err := net.DialUnix("unixpacket", nil, &net.UnixAddr{Name: path, Net: "unixpacket"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
	a := attacker{control{conn}, t}
	if _, err := a.expect(typeHello); err != nil {
		t.Fatal(err)
	}
	return a
}

func (a attacker) init() {
	a.t.Helper()
	// Until the one before has been torn down, the master is taken.
	if err := a.request(typeInit, initBody{Version: version}, -1); err != nil {
		a.t.Fatal(err)
	}
}

func memfd(t *testing.T, size int64) int {
	t.Helper()
	fd, err := unix.MemfdCreate("test", unix.MFD_CLOEXEC)
	if err == nil {
		err = unix.Ftruncate(fd, size)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeFD(fd) })
	return fd
}

func eventfd(t *testing.T) int {
	t.Helper()
	fd, err := unix.Eventfd(0, unix.EFD_NONBLOCK)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeFD(fd) })
	return fd
}

// refused waits for DISCONNECT or the end of the connection.
func (a attacker) refused() {
	a.t.Helper()
	for {
		m, err := a.recv()
		if err != nil || m.kind == typeDisconnect {
			if os.IsTimeout(err) {
				a.t.Error("was not refused")
			}
			return
		}
	}
}

func TestHostileMessages(t *testing.T) {
	ring := func(change func(*addRingBody)) func(attacker) {
		return func(a attacker) {
			a.init()
			if err := a.request(typeAddRegion, addRegionBody{Size: 4096}, memfd(a.t, 4096)); err != nil {
				a.t.Fatal(err)
			}
			body := addRingBody{Flags: ringFlagS2M, Log2RingSize: 4}
			change(&body)
			_ = a.sendFD(typeAddRing, body, eventfd(a.t))
		}
	}
	for name, misbehave := range map[string]func(a attacker){
		"short":      func(a attacker) { _, _ = a.conn.Write([]byte{3, 0, 1}) },
		"long":       func(a attacker) { _, _ = a.conn.Write(make([]byte, 4096)) },
		"no type":    func(a attacker) { _, _ = a.conn.Write(make([]byte, messageSize)) },
		"unexpected": func(a attacker) { _ = a.send(typeConnect, connectBody{}) },
		"version":    func(a attacker) { _ = a.send(typeInit, initBody{Version: 7}) },
		"unknown":    func(a attacker) { a.init(); _ = a.send(99, ackBody{}) },
		"gone":       func(a attacker) { a.init(); _ = a.conn.CloseWrite() },
		"no fd":      func(a attacker) { a.init(); _ = a.send(typeAddRegion, addRegionBody{Size: 4096}) },
		"no size":    func(a attacker) { a.init(); _ = a.sendFD(typeAddRegion, addRegionBody{}, memfd(a.t, 4096)) },
		"huge": func(a attacker) {
			a.init()
			_ = a.sendFD(typeAddRegion, addRegionBody{Size: 1 << 63}, memfd(a.t, 4096))
		},
		"beyond":      func(a attacker) { a.init(); _ = a.sendFD(typeAddRegion, addRegionBody{Size: 4097}, memfd(a.t, 4096)) },
		"index":       func(a attacker) { a.init(); _ = a.sendFD(typeAddRegion, addRegionBody{3, 4096}, memfd(a.t, 4096)) },
		"ring region": ring(func(b *addRingBody) { b.Region = 1 }),
		"ring offset": ring(func(b *addRingBody) { b.Offset = 0xffffffff }),
		"ring align":  ring(func(b *addRingBody) { b.Offset = 2 }),
		"ring size":   ring(func(b *addRingBody) { b.Log2RingSize = 14 }),
		"ring log2":   ring(func(b *addRingBody) { b.Log2RingSize = 255 }),
		"ring index":  ring(func(b *addRingBody) { b.Index = 255 }),
		"ring header": ring(func(b *addRingBody) { b.PrivateHdrSize = 1 }),
		"no eventfd": func(a attacker) {
			a.init()
			_ = a.request(typeAddRegion, addRegionBody{Size: 4096}, memfd(a.t, 4096))
			_ = a.sendFD(typeAddRing, addRingBody{Flags: ringFlagS2M, Log2RingSize: 4}, memfd(a.t, 8))
		},
		"no cookie": func(a attacker) {
			ring(func(*addRingBody) {})(a)
			_ = a.send(typeConnect, connectBody{})
		},
	} {
		t.Run(name, func(t *testing.T) {
			path, frames := victim(t)
			a := attack(t, path)
			misbehave(a)
			a.refused()
			_ = a.conn.Close()
			proveAlive(t, path, frames)
		})
	}
}

// proveAlive exchanges a frame with an honest slave.
func proveAlive(t *testing.T, path string, frames chan int) {
	t.Helper()
	h := NewHost("honest")
	e := h.Dial(path, Config{
		Log2RingSize: 4, BufferSize: 2048, RxQueues: 1, TxQueues: 1,
		Receive: func([]byte) {}, Link: func(bool) {},
	})
	e.SetUp(true)
	defer h.Wait()
	defer e.Close("")
	deadline := time.After(5 * time.Second)
	for tick := time.NewTicker(2 * time.Millisecond); ; {
		select {
		case n := <-frames:
			if n == 77 {
				return
			}
		case <-tick.C:
			_ = e.Send(make([]byte, 77))
		case <-deadline:
			t.Fatalf("the master serves nobody any more; slave %+v", e.Status())
		}
	}
}

// TestHostileRing gives a connected master rings that lie.
func TestHostileRing(t *testing.T) {
	const slots, log2, size = 16, 4, 64 << 10
	for name, lie := range map[string]struct {
		do   func(r ring, fd int)
		want int  // length of the frame that still arrives, or 0
		fate bool // the connection ends
	}{
		"head far ahead": {do: func(r ring, _ int) { r.setHead(1000) }, fate: true},
		"region": {do: func(r ring, _ int) {
			r.setDescriptor(0, descriptor{region: 9, length: 60})
			r.setDescriptor(1, descriptor{length: 61})
			r.setHead(2)
		}, want: 61},
		"offset": {do: func(r ring, _ int) {
			r.setDescriptor(0, descriptor{offset: 0xffffffff, length: 0xffffffff})
			r.setDescriptor(1, descriptor{length: 62})
			r.setHead(2)
		}, want: 62},
		"empty": {do: func(r ring, _ int) {
			r.setDescriptor(1, descriptor{length: 63})
			r.setHead(2)
		}, want: 63},
		"endless chain": {do: func(r ring, _ int) {
			for slot := range uint16(slots) {
				r.setDescriptor(slot, descriptor{flags: flagNext, length: size})
			}
			r.setHead(slots)
		}},
		"truncated memory": {do: func(r ring, fd int) {
			r.setHead(1)
			_ = unix.Ftruncate(fd, 0)
		}, fate: true},
	} {
		t.Run(name, func(t *testing.T) {
			path, frames := victim(t)
			a := attack(t, path)
			a.init()
			fd, bell := memfd(t, size), eventfd(t)
			region, err := mapRegion(fd, size)
			if err != nil {
				t.Fatal(err)
			}
			defer region.unmap()
			r, err := newRing(region, 0, log2)
			if err != nil {
				t.Fatal(err)
			}
			*r.cookie = ringCookie
			for _, err := range []error{
				a.request(typeAddRegion, addRegionBody{Size: size}, fd),
				a.request(typeAddRing, addRingBody{Flags: ringFlagS2M, Log2RingSize: log2}, bell),
				a.send(typeConnect, connectBody{}),
			} {
				if err != nil {
					t.Fatal(err)
				}
			}
			if _, err := a.expect(typeConnected); err != nil {
				t.Fatal(err)
			}
			lie.do(r, fd)
			if _, err := unix.Write(bell, []byte{1, 0, 0, 0, 0, 0, 0, 0}); err != nil {
				t.Fatal(err)
			}
			if lie.want > 0 {
				if got := <-frames; got != lie.want {
					t.Errorf("frame of %d bytes, want %d", got, lie.want)
				}
			}
			if lie.fate {
				a.refused()
			}
			_ = a.conn.Close()
			proveAlive(t, path, frames)
		})
	}
}

// TestHostileBuffers: a slave offers a master buffers that are not there.
func TestHostileBuffers(t *testing.T) {
	r, fd, err := createRegion(4096)
	if err != nil {
		t.Fatal(err)
	}
	defer closeFD(fd)
	defer r.unmap()
	ring, err := newRing(r, 0, 2)
	if err != nil {
		t.Fatal(err)
	}
	q := &queue{ring: ring, fd: eventfd(t), regions: []region{r}}
	for name, d := range map[string]descriptor{
		"region": {region: 1, length: 2048}, "offset": {offset: 4095, length: 2}, "no room": {},
	} {
		for slot := range uint16(4) {
			ring.setDescriptor(slot, d)
		}
		ring.setHead(q.next + 4)
		if err := q.produce(make([]byte, 60)); err == nil {
			t.Errorf("%s: sent", name)
		}
	}
	ring.setHead(q.next + 5000)
	if err := q.produce(make([]byte, 60)); err != errRing {
		t.Errorf("head beyond the ring: %v", err)
	}
	_ = unix.Ftruncate(fd, 0)
	if err := q.produce(make([]byte, 60)); err != errFault {
		t.Errorf("truncated memory: %v", err)
	}
}
