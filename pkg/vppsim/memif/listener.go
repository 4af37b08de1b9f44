package memif

import (
	"errors"
	"net"
	"sync"

	"github.com/userspace-cni/userspace-cni/pkg/vppsim/clibsocket"
)

// Listener is a socket on which masters wait for their slaves, told apart by
// their ids.
type Listener struct {
	host *Host
	ln   *net.UnixListener

	mu      sync.Mutex
	closed  bool
	masters map[uint32]*Endpoint
	pending map[*net.UnixConn]struct{} // connected, but not yet identified
}

// Listen binds a socket given in VPP's notation: a path, or abstract:NAME with
// an optional ,netns_name=. It replaces a stale socket and nothing else.
func (h *Host) Listen(socket string) (*Listener, error) {
	a, err := clibsocket.Parse(socket)
	if err != nil {
		return nil, err
	}
	ln, err := a.Listen()
	if err != nil {
		return nil, err
	}
	l := &Listener{host: h, ln: ln, masters: map[uint32]*Endpoint{}, pending: map[*net.UnixConn]struct{}{}}
	h.wg.Go(l.accept)
	return l, nil
}

// Add makes a master; its id must be free on this socket.
func (l *Listener) Add(cfg Config) *Endpoint {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := newEndpoint(cfg, Master, func() { l.remove(cfg.ID) })
	l.masters[cfg.ID] = e
	return e
}

// Close stops listening and lets go of clients that have not said who they are.
// The masters are closed one by one. The file stays, as VPP leaves it.
func (l *Listener) Close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	_ = l.ln.Close()
	for conn := range l.pending {
		_ = conn.Close()
	}
}

func (l *Listener) remove(id uint32) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.masters, id)
}

func (l *Listener) accept() {
	for {
		conn, err := l.ln.AcceptUnix()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue // such as a client that is gone again
		}
		if l.hold(conn) {
			l.host.wg.Go(func() { l.greet(control{conn}) })
		}
	}
}

func (l *Listener) hold(conn *net.UnixConn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		_ = conn.Close()
		return false
	}
	l.pending[conn] = struct{}{}
	return true
}

// master finds the endpoint of an id.
func (l *Listener) master(id uint32) (*Endpoint, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e := l.masters[id]; e != nil {
		return e, nil
	}
	return nil, errors.New("unmatched interface id")
}

// forget ends the pending state of a connection.
func (l *Listener) forget(conn *net.UnixConn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.pending, conn)
}

// Host is what the endpoints of one simulated VPP share: the name that they
// tell their peers, and the count of their goroutines.
type Host struct {
	name string
	wg   sync.WaitGroup
}

// NewHost makes a host; peers see its name (31 bytes at most) in HELLO and INIT.
func NewHost(name string) *Host { return &Host{name: name} }

// Wait returns when everything of this host that was closed has ended and has
// freed its memory and descriptors.
func (h *Host) Wait() { h.wg.Wait() }
