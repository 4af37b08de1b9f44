package memif

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// Role of an endpoint. The slave connects and owns the memory.
type Role uint32

// Roles, as in enum memif_role of memif.api.
const (
	Master Role = 0
	Slave  Role = 1
)

// Mode of an endpoint: what a frame is.
type Mode uint8

// Modes, as in memif_interface_mode_t: Ethernet frames, or IPv4 and IPv6
// packets without a link header.
const (
	Ethernet Mode = 0
	IP       Mode = 1
)

// ErrNotConnected is returned by Send while there is no peer.
var ErrNotConnected = errors.New("memif: not connected")

// Config is one end of a memif.
type Config struct {
	ID     uint32
	Mode   Mode
	Secret string // at most 23 bytes; "" asks for none
	IfName string // told to the peer, at most 31 bytes

	// A slave decides about memory; a master ignores these.
	Log2RingSize       uint8  // at most 14
	BufferSize         uint16 // bytes
	RxQueues, TxQueues uint8

	// Receive gets every frame, which is valid during the call alone; with
	// several queues it is called concurrently.
	Receive func(frame []byte)
	// Link says that a peer has come (true) or gone. Close doesn't call it.
	Link func(up bool)
}

// Status is what `show memif` tells of an endpoint.
type Status struct {
	Role                      Role
	Connected                 bool
	RemoteName, RemoteIf      string
	LocalReason, RemoteReason string // of the last disconnect
	S2MRings, M2SRings        int
	Log2RingSize              uint8  // what a slave last negotiated, else 0
	BufferSize                uint16 // likewise
	Regions                   int
}

// Endpoint is one end of a memif: it outlives any number of connections.
type Endpoint struct {
	cfg    Config
	ctx    context.Context
	cancel context.CancelFunc
	kick   chan struct{} // a slave tries to connect at once
	gone   func()        // called once by Close

	mu     sync.RWMutex // held while link's memory is in use by Send
	link   *link
	busy   bool // a handshake or a connection is under way
	up     bool // a slave connects when it is administratively up
	status Status
}

func newEndpoint(cfg Config, role Role, gone func()) *Endpoint {
	ctx, cancel := context.WithCancel(context.Background())
	return &Endpoint{
		cfg: cfg, ctx: ctx, cancel: cancel, kick: make(chan struct{}, 1),
		gone: gone, status: Status{Role: role},
	}
}

// Send copies a frame into the peer's buffers, or fails at once.
func (e *Endpoint) Send(frame []byte) error {
	e.mu.RLock()
	defer e.mu.RUnlock()
	if e.link == nil {
		return ErrNotConnected
	}
	err := e.link.transmit(frame)
	if errors.Is(err, errFault) {
		_ = e.link.conn.Close()
	}
	return err
}

// SetUp is the interface's administrative state. Like VPP, a slave that is down
// doesn't connect, and one that is connected stays so.
func (e *Endpoint) SetUp(up bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.up = up
	select {
	case e.kick <- struct{}{}:
	default:
	}
}

// Status tells the present state.
func (e *Endpoint) Status() Status {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return e.status
}

// Close ends the endpoint; with a reason, the peer is told. No frame and no Link
// call comes out of an endpoint once it is closed, except such as were on their
// way. Resources are free when Host.Wait returns.
func (e *Endpoint) Close(reason string) {
	e.mu.Lock()
	l := e.link
	e.link = nil
	closed := e.ctx.Err() != nil
	if l != nil && reason != "" {
		l.refuse(reason)
	}
	e.cancel()
	e.mu.Unlock()
	if !closed && e.gone != nil {
		e.gone()
	}
}

// claim reserves the endpoint for one connection.
func (e *Endpoint) claim() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.ctx.Err() != nil {
		return errors.New("interface deleted")
	}
	if e.busy {
		return errors.New("already connected")
	}
	e.busy = true
	return nil
}

func (e *Endpoint) unclaim(err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.busy = false
	e.blame(err)
}

// blame keeps the reason of a disconnect for `show memif`.
func (e *Endpoint) blame(err error) {
	var remote remoteReason
	switch {
	case errors.As(err, &remote):
		e.status.RemoteReason = string(remote)
		e.status.LocalReason = errDisconnected.Error()
	case err != nil:
		e.status.LocalReason = err.Error()
	}
}

// serve runs an established link to its end.
func (e *Endpoint) serve(l *link) error {
	if err := guarded(l.open); err != nil {
		l.refuse(err.Error())
		return err
	}
	if !e.attach(l) {
		return context.Canceled
	}
	e.cfg.Link(true)
	err := l.run(e.cfg.Receive)
	if e.detach(err) {
		e.cfg.Link(false)
	}
	return fmt.Errorf("memif connection: %w", err)
}

func (e *Endpoint) attach(l *link) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.ctx.Err() != nil {
		return false
	}
	e.link = l
	e.status.Connected = true
	e.status.RemoteName, e.status.RemoteIf = l.remoteName, l.remoteIf
	e.status.LocalReason, e.status.RemoteReason = "", ""
	e.status.S2MRings, e.status.M2SRings = len(l.s2m), len(l.m2s)
	e.status.Regions = len(l.regions)
	return true
}

// detach says whether the endpoint itself is still there.
func (e *Endpoint) detach(err error) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.link = nil
	e.status.Connected = false
	e.status.RemoteName, e.status.RemoteIf, e.status.Regions = "", "", 0
	e.blame(err)
	return e.ctx.Err() == nil
}

// Unreachable makes a master that nobody can connect to: what VPP has when a
// socket's listener could not be made.
func Unreachable(cfg Config) *Endpoint { return newEndpoint(cfg, Master, nil) }
