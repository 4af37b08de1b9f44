package memif_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/userspace-cni/userspace-cni/pkg/vppsim/memif"
	"github.com/userspace-cni/userspace-cni/test/lab"
)

// TestMain makes an ordinary user root in a user namespace: entering a network
// namespace needs that.
func TestMain(m *testing.M) {
	if os.Geteuid() == 0 {
		goleak.VerifyTestMain(m)
		return
	}
	code, err := lab.Spawn()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(code)
}

// end collects what comes out of an endpoint.
type end struct {
	*memif.Endpoint
	frames chan []byte
	link   chan bool
}

// host makes a host whose resources must be free when the test ends.
func host(t *testing.T) *memif.Host {
	h := memif.NewHost("test")
	before := descriptors(t)
	t.Cleanup(func() {
		h.Wait()
		eventually(t, "descriptors are closed", func() bool { return descriptors(t) <= before })
		if maps, _ := os.ReadFile("/proc/self/maps"); bytes.Contains(maps, []byte("memfd:memif")) {
			t.Error("shared memory is still mapped")
		}
	})
	return h
}

func descriptors(t *testing.T) int {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

func config(cfg memif.Config) (memif.Config, *end) {
	e := &end{frames: make(chan []byte, 4096), link: make(chan bool, 64)}
	cfg.Receive = func(f []byte) { e.frames <- bytes.Clone(f) }
	cfg.Link = func(up bool) { e.link <- up }
	return cfg, e
}

func listen(t *testing.T, h *memif.Host, socket string) *memif.Listener {
	t.Helper()
	l, err := h.Listen(socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return l
}

func master(t *testing.T, l *memif.Listener, cfg memif.Config) *end {
	cfg, e := config(cfg)
	e.Endpoint = l.Add(cfg)
	t.Cleanup(func() { e.Close("") })
	return e
}

func slave(t *testing.T, h *memif.Host, socket string, cfg memif.Config) *end {
	if cfg.Log2RingSize == 0 {
		cfg.Log2RingSize, cfg.BufferSize, cfg.RxQueues, cfg.TxQueues = 6, 2048, 1, 1
	}
	cfg, e := config(cfg)
	e.Endpoint = h.Dial(socket, cfg)
	e.SetUp(true)
	t.Cleanup(func() { e.Close("") })
	return e
}

func (e *end) wantLink(t *testing.T, up bool) {
	t.Helper()
	select {
	case got := <-e.link:
		if got != up {
			t.Fatalf("link up = %v, want %v", got, up)
		}
	case <-time.After(5 * time.Second):
		t.Fatalf("no link event; status %+v", e.Status())
	}
}

func (e *end) wantFrame(t *testing.T, want []byte) {
	t.Helper()
	select {
	case got := <-e.frames:
		if !bytes.Equal(got, want) {
			t.Fatalf("got %d bytes, want %d", len(got), len(want))
		}
	case <-time.After(5 * time.Second):
		t.Fatal("no frame")
	}
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	for tick := time.NewTicker(2 * time.Millisecond); !ok(); {
		select {
		case <-ctx.Done():
			t.Fatalf("never happened: %s", what)
		case <-tick.C:
		}
	}
}

// frame differs in its addresses, so that frames spread over queues, and in
// every byte after them.
func frame(n, length int) []byte {
	f := make([]byte, length)
	for i := range f {
		f[i] = byte(i*7 + n)
	}
	binary.BigEndian.PutUint32(f, uint32(n))
	return f
}

func socket(t *testing.T) string { return filepath.Join(t.TempDir(), "memif.sock") }

// exchange sends both ways, more often than a ring has slots.
func exchange(t *testing.T, a, b *end, length int) {
	t.Helper()
	for n := range 300 {
		f := frame(n, length)
		eventually(t, "send", func() bool { return a.Send(f) == nil })
		b.wantFrame(t, f)
		eventually(t, "send back", func() bool { return b.Send(f) == nil })
		a.wantFrame(t, f)
	}
}

func TestFramesBothWays(t *testing.T) {
	for _, queues := range []uint8{1, 4} {
		for _, length := range []int{60, 2048, 2049, 9000} {
			t.Run(fmt.Sprintf("%d-queues-%d-bytes", queues, length), func(t *testing.T) {
				h, path := host(t), socket(t)
				m := master(t, listen(t, h, path), memif.Config{IfName: "memif1/0"})
				s := slave(t, h, path, memif.Config{
					IfName: "memif2/0", Log2RingSize: 5, BufferSize: 2048, RxQueues: queues, TxQueues: queues,
				})
				m.wantLink(t, true)
				s.wantLink(t, true)
				exchange(t, m, s, length)
				st := m.Status()
				if st.RemoteName != "test" || st.RemoteIf != "memif2/0" || st.S2MRings != int(queues) {
					t.Errorf("master's status: %+v", st)
				}
			})
		}
	}
}

func TestIPMode(t *testing.T) {
	h, path := host(t), socket(t)
	m := master(t, listen(t, h, path), memif.Config{Mode: memif.IP})
	s := slave(t, h, path, memif.Config{Mode: memif.IP})
	m.wantLink(t, true)
	s.wantLink(t, true)
	exchange(t, m, s, 28)
}

func TestTwoInterfacesOnOneSocket(t *testing.T) {
	h, path := host(t), socket(t)
	l := listen(t, h, path)
	m1, m2 := master(t, l, memif.Config{ID: 1}), master(t, l, memif.Config{ID: 2})
	s2, s1 := slave(t, h, path, memif.Config{ID: 2}), slave(t, h, path, memif.Config{ID: 1})
	for _, e := range []*end{m1, m2, s1, s2} {
		e.wantLink(t, true)
	}
	exchange(t, m1, s1, 100)
	exchange(t, m2, s2, 100)
}

func TestRefusals(t *testing.T) {
	for _, tc := range []struct {
		name   string
		slave  memif.Config
		reason string
	}{
		{"no secret", memif.Config{}, "secret required"},
		{"wrong secret", memif.Config{Secret: "other"}, "incorrect secret"},
		{"mode", memif.Config{Secret: "right", Mode: memif.IP}, "mode mismatch"},
		{"id", memif.Config{Secret: "right", ID: 7}, "unmatched interface id"},
		{"right", memif.Config{Secret: "right"}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h, path := host(t), socket(t)
			master(t, listen(t, h, path), memif.Config{Secret: "right"})
			s := slave(t, h, path, tc.slave)
			if tc.reason == "" {
				s.wantLink(t, true)
				return
			}
			eventually(t, tc.reason, func() bool { return s.Status().RemoteReason == tc.reason })
		})
	}
}

func TestSecondSlaveIsRefused(t *testing.T) {
	h, path := host(t), socket(t)
	master(t, listen(t, h, path), memif.Config{})
	slave(t, h, path, memif.Config{}).wantLink(t, true)
	second := slave(t, h, path, memif.Config{})
	eventually(t, "refusal", func() bool { return second.Status().RemoteReason == "already connected" })
}

func TestReconnect(t *testing.T) {
	h, path := host(t), socket(t)
	l := listen(t, h, path)
	m := master(t, l, memif.Config{})
	s := slave(t, h, path, memif.Config{})
	m.wantLink(t, true)
	s.wantLink(t, true)

	m.Close("interface deleted")
	s.wantLink(t, false)
	// The slave may be back already, and find nobody.
	if got := s.Status().RemoteReason; got != "interface deleted" && got != "unmatched interface id" {
		t.Errorf("reason = %q", got)
	}
	l.Close()
	if err := s.Send(frame(1, 60)); err == nil {
		t.Error("sent a frame to nobody")
	}
	m = master(t, listen(t, h, path), memif.Config{}) // over the stale socket
	m.wantLink(t, true)
	s.wantLink(t, true)
	exchange(t, m, s, 60)

	s.Close("")
	m.wantLink(t, false)
	s = slave(t, h, path, memif.Config{})
	m.wantLink(t, true)
	s.wantLink(t, true)
	exchange(t, m, s, 60)
}

func TestSlaveConnectsOnlyWhenUp(t *testing.T) {
	h, path := host(t), socket(t)
	m := master(t, listen(t, h, path), memif.Config{})
	cfg, s := config(memif.Config{Log2RingSize: 4, BufferSize: 2048, RxQueues: 1, TxQueues: 1})
	s.Endpoint = h.Dial(path, cfg)
	t.Cleanup(func() { s.Close("") })
	other := slave(t, h, path, memif.Config{}) // takes the place that s leaves free
	m.wantLink(t, true)
	other.wantLink(t, true)
	other.Close("")
	m.wantLink(t, false)
	if m.Status().Connected {
		t.Error("connected while down")
	}
	s.SetUp(true)
	m.wantLink(t, true)
	s.SetUp(false)
	if !m.Status().Connected {
		t.Error("VPP leaves the connection when the interface goes down")
	}
}

func TestAbstractSocket(t *testing.T) {
	h := host(t)
	name := fmt.Sprintf("abstract:vppsim/test-%d", os.Getpid())
	m := master(t, listen(t, h, name+",netns_name=/proc/self/ns/net"), memif.Config{})
	s := slave(t, h, name, memif.Config{})
	m.wantLink(t, true)
	s.wantLink(t, true)
	exchange(t, m, s, 60)
}

func TestFullRing(t *testing.T) {
	h, path := host(t), socket(t)
	m := master(t, listen(t, h, path), memif.Config{})
	cfg, s := config(memif.Config{Log2RingSize: 3, BufferSize: 64, RxQueues: 1, TxQueues: 1})
	block := make(chan struct{})
	receive := cfg.Receive
	cfg.Receive = func(f []byte) { <-block; receive(f) }
	s.Endpoint = h.Dial(path, cfg)
	s.SetUp(true)
	t.Cleanup(func() { s.Close("") })
	m.wantLink(t, true)
	s.wantLink(t, true)
	sent := 0
	for m.Send(frame(sent, 60)) == nil {
		sent++
	}
	if sent != 8 {
		t.Errorf("%d frames fitted into a ring of 8", sent)
	}
	if err := m.Send(frame(0, 60)); err != memif.ErrFull {
		t.Errorf("full ring: %v", err)
	}
	close(block)
	for n := range sent {
		s.wantFrame(t, frame(n, 60))
	}
	eventually(t, "room again", func() bool { return m.Send(frame(99, 60)) == nil })
	s.wantFrame(t, frame(99, 60))
}

func TestListenRefuses(t *testing.T) {
	h := host(t)
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	busy := filepath.Join(dir, "busy")
	listen(t, h, busy)
	long := "/" + string(bytes.Repeat([]byte{'x'}, 106))
	for _, name := range []string{
		file, busy, long, dir + "/kubernetes.io~empty-dir", "/nowhere/at/all",
		"abstract:" + long, "/path,netns_name=/proc/self/ns/net", "abstract:x,netns_name=/nowhere",
	} {
		if l, err := h.Listen(name); err == nil {
			l.Close()
			t.Errorf("listens on %q", name)
		}
	}
	if info, err := os.Stat(busy); err != nil || info.Mode().Perm() != 0o775 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}
