package vppapi

import (
	"context"
	"errors"
	"net"
	"testing"

	"go.fd.io/govpp/api"
	interfaces "go.fd.io/govpp/binapi/interface"
	"go.fd.io/govpp/binapi/interface_types"
	"go.fd.io/govpp/binapi/memclnt"
)

func interfaceIndex(n uint32) interface_types.InterfaceIndex {
	return interface_types.InterfaceIndex(n)
}

// eventful sends events before and after each answer: VPP puts the client's
// index where a reply has its context.
func eventful(p *peer, id uint16, data []byte) {
	p.reply(&interfaces.SwInterfaceEvent{SwIfIndex: 1}, clientIndex)
	answerAll(p, id, data)
	p.reply(&interfaces.SwInterfaceEvent{SwIfIndex: 2}, clientIndex)
}

func watch(t *testing.T, ctx context.Context, c *Conn) api.Watcher {
	t.Helper()
	w, err := c.WatchEvent(ctx, &interfaces.SwInterfaceEvent{})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func next(t *testing.T, w api.Watcher) uint32 {
	t.Helper()
	select {
	case msg, ok := <-w.Events():
		if !ok {
			return 0
		}
		return uint32(msg.(*interfaces.SwInterfaceEvent).SwIfIndex)
	case <-within(t, patience).Done():
		t.Fatal("no event, and no end of them")
		return 0
	}
}

// TestEventsAreNoReplies: with or without a watcher, events never answer a call.
func TestEventsAreNoReplies(t *testing.T) {
	c := dial(t, serve(t, eventful).path)
	if err := setFlags(within(t, patience), c); err != nil {
		t.Errorf("unwatched: %v", err)
	}
	// The one before the last is sent when the second call has been answered.
	if err := setFlags(within(t, patience), c); err != nil {
		t.Errorf("unwatched: %v", err)
	}
	w := watch(t, t.Context(), c)
	if err := setFlags(within(t, patience), c); err != nil {
		t.Errorf("watched: %v", err)
	}
	w.Close()
	for next(t, w) != 0 {
	}
	if err := setFlags(within(t, patience), c); err != nil {
		t.Errorf("no longer watched: %v", err)
	}
}

// TestEventsInOrder: every watcher gets every event, in order, however slow it
// is, while calls go on.
func TestEventsInOrder(t *testing.T) {
	const events = 1000
	c := dial(t, serve(t, func(p *peer, id uint16, data []byte) {
		for i := range events {
			p.reply(&interfaces.SwInterfaceEvent{SwIfIndex: interfaceIndex(uint32(i + 1))}, clientIndex)
		}
		answerAll(p, id, data)
	}).path)
	watchers := []api.Watcher{watch(t, t.Context(), c), watch(t, t.Context(), c)}
	if err := setFlags(within(t, patience), c); err != nil {
		t.Fatal(err)
	}
	for _, w := range watchers {
		for i := range uint32(events) {
			if got := next(t, w); got != i+1 {
				t.Fatalf("event %d instead of %d", got, i+1)
			}
		}
		w.Close()
		if got := next(t, w); got != 0 {
			t.Errorf("event %d after the end", got)
		}
	}
}

// TestWatchersEnd: with their context, their connection, or VPP, and also when
// nobody reads the event that they hold. The package's test for goroutines
// sees those that don't.
func TestWatchersEnd(t *testing.T) {
	for name, end := range map[string]func(c *Conn, cancel func()){
		"context": func(_ *Conn, cancel func()) { cancel() },
		"Close":   func(c *Conn, _ func()) { c.Close() },
		"VPP":     func(c *Conn, _ func()) { c.socket.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			c := dial(t, serve(t, eventful).path)
			ctx, cancel := context.WithCancel(context.Background())
			t.Cleanup(cancel)
			idle, holding := watch(t, ctx, c), watch(t, ctx, c)
			if err := setFlags(within(t, patience), c); err != nil {
				t.Fatal(err)
			}
			if got := next(t, idle); got != 1 {
				t.Errorf("event %d", got)
			}
			end(c, cancel)
			eventually(t, func() bool {
				c.mu.Lock()
				defer c.mu.Unlock()
				return len(c.watchers[ids["sw_interface_event"]]) == 0
			})
			for next(t, idle) != 0 || next(t, holding) != 0 {
			}
		})
	}
}

// TestLeave takes leave of VPP before the socket is closed, which would make VPP
// stumble over its clients.
func TestLeave(t *testing.T) {
	left := make(chan uint16, 1)
	c := dial(t, serve(t, func(p *peer, id uint16, data []byte) {
		left <- id
		answerAll(p, id, data)
	}).path)
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	select {
	case id := <-left:
		if id != ids["sockclnt_delete"] {
			t.Errorf("the last message has id %d, want that of sockclnt_delete", id)
		}
	default:
		t.Error("the socket was closed without a word")
	}
}

// TestClose ends calls, streams and watchers that wait, and everything after it
// fails.
func TestClose(t *testing.T) {
	asked := make(chan struct{})
	c := dial(t, serve(t, func(_ *peer, id uint16, _ []byte) {
		if id != ids["sockclnt_delete"] {
			asked <- struct{}{}
		}
	}).path)
	w := watch(t, t.Context(), c)
	ended := make(chan error, 2)
	go func() { ended <- setFlags(context.Background(), c) }()
	<-asked
	go func() {
		_, err := dump(context.Background(), c, nil)
		ended <- err
	}()
	<-asked // the dump
	<-asked // its ping
	for range 2 {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
	for range 2 {
		if err := <-ended; !errors.Is(err, net.ErrClosed) {
			t.Errorf("waiting: %v", err)
		}
	}
	if got := next(t, w); got != 0 {
		t.Errorf("event %d", got)
	}
	if err := setFlags(within(t, patience), c); !errors.Is(err, net.ErrClosed) {
		t.Errorf("afterwards: %v", err)
	}
	s, err := c.NewStream(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := s.SendMsg(&memclnt.ControlPing{}); !errors.Is(err, net.ErrClosed) {
		t.Errorf("closed stream: %v", err)
	}
	if _, err := s.RecvMsg(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("closed stream: %v", err)
	}
}
