package stats

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync/atomic"
	"time"

	"go.fd.io/govpp/adapter/statsclient"
)

// patience bounds one call: a VPP that hangs hands out no file descriptor.
const patience = 2 * time.Second

var (
	// ErrNoSocket means that there is no stats socket at the path.
	ErrNoSocket = errors.New("no stats socket")
	// ErrSilent means that VPP did not hand out its stats segment in time.
	ErrSilent = errors.New("VPP does not hand out its stats segment")
	// ErrClosed means that the segment was closed.
	ErrClosed = errors.New("the stats segment is closed")
)

// Counters is what VPP has counted of one interface, on all its threads, since
// the interface was made. Receive and transmit are VPP's: what it has received
// is what the other end has sent.
type Counters struct {
	RxPackets, RxBytes uint64
	TxPackets, TxBytes uint64
	// Drops is the packets that VPP has dropped of those that it received here,
	// and of those that it could not transmit here.
	Drops uint64
}

// Segment is the stats segment of the VPP that has its stats socket at a path.
// It may be used by several goroutines at once.
type Segment struct {
	path   string
	closed atomic.Bool
	// turn is held by the one reader at a time, which keeps it when nobody waits
	// for it any more: no more than one is ever stuck on a VPP that hangs.
	turn chan struct{}
}

// Open returns the stats segment of the VPP whose stats socket is at path, which
// must answer now, within two seconds: ErrNoSocket, ErrSilent. VPP may be
// restarted afterwards.
func Open(path string) (*Segment, error) {
	// The client's own logger writes to stdout; what it says is in its errors too.
	statsclient.Log.SetOutput(io.Discard)
	s := &Segment{path: path, turn: make(chan struct{}, 1)}
	if _, err := s.Interfaces(); err != nil {
		return nil, err
	}
	return s, nil
}

// Close ends the use of the segment: every later call fails with ErrClosed.
func (s *Segment) Close() { s.closed.Store(true) }

// Interfaces returns the counters of every interface that VPP has, by VPP's name
// for it. The errors are Open's and ErrClosed; the next call tries anew.
func (s *Segment) Interfaces() (map[string]Counters, error) {
	if s.closed.Load() {
		return nil, ErrClosed
	}
	if _, err := os.Stat(s.path); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w at %s: is VPP running, and does its startup.conf have statseg { socket-name %[2]s }?", ErrNoSocket, s.path)
	}
	late := time.After(patience)
	select {
	case s.turn <- struct{}{}:
	case <-late:
		return nil, s.silent()
	}
	answers := make(chan answer, 1)
	go func() {
		defer func() { <-s.turn }()
		answers <- read(s.path)
	}()
	select {
	case a := <-answers:
		return a.counters, a.err
	case <-late:
		return nil, s.silent()
	}
}

func (s *Segment) silent() error {
	return fmt.Errorf("%w within %s (%s): does it hang?", ErrSilent, patience, s.path)
}
