package vppsim

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/userspace-cni/userspace-cni/pkg/vppsim/fault"
	"github.com/userspace-cni/userspace-cni/pkg/vppsim/memif"
)

// ErrDied is returned by Run and Serve when a fault killed the simulator, or a
// request of which VPP dies.
var ErrDied = errors.New("vppsim: died as VPP does")

// Options of a simulator.
type Options struct {
	APISocket string        // path; used by Run alone
	Faults    []fault.Fault // what shall go wrong
	Log       *slog.Logger  // nil: nothing is logged
}

// Sim is one simulated VPP. Like VPP's main thread it does one thing at a time:
// whoever handles a message or a frame holds mu.
type Sim struct {
	opts    Options
	started time.Time
	faults  *fault.Injector
	table   table
	host    *memif.Host
	ctx     context.Context
	stop    context.CancelCauseFunc
	wg      sync.WaitGroup

	mu         sync.Mutex
	clients    map[uint32]*client
	nextClient uint32
	interfaces pool[iface]
	loopbacks  map[uint32]bool // instances in use
	sockets    map[uint32]*memifSocket
	bridges    map[uint32]*bridge
	fibs       map[fibKey]*fib
	pings      map[uint16]chan<- struct{}
	changes    map[uint32]change // by sw_if_index, not yet sent to subscribers
	session    sessionLayer
	urpf       map[urpfKey]urpfConfig
}

// New makes a simulator in the state of a VPP that has just started.
func New(opts Options) *Sim {
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	ctx, stop := context.WithCancelCause(context.Background())
	s := &Sim{
		opts: opts, started: time.Now(), faults: fault.NewInjector(opts.Faults...), table: newTable(),
		host: memif.NewHost("VPPSIM " + Version), ctx: ctx, stop: stop,
		clients: map[uint32]*client{}, loopbacks: map[uint32]bool{},
		sockets: map[uint32]*memifSocket{}, bridges: map[uint32]*bridge{},
		fibs: map[fibKey]*fib{}, pings: map[uint16]chan<- struct{}{}, changes: map[uint32]change{},
		urpf: map[urpfKey]urpfConfig{},
	}
	s.sockets[0] = &memifSocket{filename: defaultMemifSocket}
	s.interfaces.add(&iface{name: "local0", devType: "local"})
	s.addFIB(fibKey{}, "")
	s.addFIB(fibKey{v6: true}, "")
	return s
}

// Serve answers clients until the context ends (nil) or it dies (ErrDied). It closes the listener. A simulator serves once.
func (s *Sim) Serve(ctx context.Context, ln net.Listener) error {
	defer context.AfterFunc(ctx, func() { s.stop(nil) })()
	defer context.AfterFunc(s.ctx, func() { s.closeListener(ln) })()
	for {
		conn, err := ln.Accept()
		if err != nil {
			s.stop(err) // unless it has been stopped, which is why Accept failed
			break
		}
		s.admit(conn)
	}
	s.closeListener(ln)
	s.shutDown()
	s.wg.Wait()
	s.host.Wait()
	if err := context.Cause(s.ctx); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// die ends everything at once, in the middle of whatever it was doing. Like a
// real crash, it leaves the API socket's file.
func (s *Sim) die(of string) {
	s.opts.Log.Warn("dying", "of", of)
	s.stop(ErrDied)
}

// closeListener leaves the file behind when the simulator died.
func (s *Sim) closeListener(ln net.Listener) {
	if unix, ok := ln.(*net.UnixListener); ok && errors.Is(context.Cause(s.ctx), ErrDied) {
		unix.SetUnlinkOnClose(false)
	}
	_ = ln.Close()
}

// shutDown closes everything without a word to the peers, as the end of a
// process does.
func (s *Sim) shutDown() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.clients {
		c.close()
	}
	for i := range s.interfaces.all() {
		if i.memif != nil {
			i.memif.endpoint.Close("")
		}
		if i.vhost != nil {
			i.vhost.close()
		}
	}
	for _, sock := range s.sockets {
		sock.close()
	}
	for n := range s.session.namespaces.all() {
		n.close()
	}
}
