package memif

import (
	"errors"
	"fmt"
	"hash/fnv"
	"os"
	"slices"
	"sync"

	"golang.org/x/sys/unix"
)

// link is one connection: control channel, memory, rings. It is built by a
// handshake, run by one goroutine, and gone for good when that ends.
type link struct {
	control
	role       Role
	mode       Mode
	regions    []region
	s2m, m2s   []*queue
	remoteName string
	remoteIf   string
}

// rx and tx are the queues as this side sees them.
func (l *link) rx() []*queue {
	if l.role == Master {
		return l.s2m
	}
	return l.m2s
}

func (l *link) tx() []*queue {
	if l.role == Master {
		return l.m2s
	}
	return l.s2m
}

// open gets everything ready that depends on the peer having finished.
func (l *link) open() error {
	for _, q := range slices.Concat(l.rx(), l.tx()) {
		q.regions = l.regions
		if *q.ring.cookie != ringCookie {
			return errors.New("wrong cookie on a ring")
		}
	}
	for _, q := range l.rx() {
		if err := unix.SetNonblock(q.fd, true); err != nil {
			return err
		}
		q.event, q.fd = os.NewFile(uintptr(q.fd), "memif interrupt"), -1
		q.ring.unmask() // we sleep until we are woken, whatever the peer assumed
	}
	for _, q := range l.tx() {
		if err := unix.SetNonblock(q.fd, true); err != nil {
			return err
		}
	}
	return nil
}

// run moves received frames until the peer or a close of the connection ends it.
func (l *link) run(receive func([]byte)) error {
	var pumps sync.WaitGroup
	for _, q := range l.rx() {
		pumps.Go(func() {
			if err := q.pump(receive); err != nil {
				l.refuse(err.Error())
				_ = l.conn.Close()
			}
		})
	}
	err := l.watch()
	for _, q := range l.rx() {
		_ = q.event.Close()
	}
	pumps.Wait()
	return err
}

// pump sleeps in the event descriptor. Whatever was produced before it went to
// sleep is there at the first look.
func (q *queue) pump(receive func([]byte)) error {
	scratch := make([]byte, 0, maxFrame)
	counter := make([]byte, 8)
	for {
		err := guarded(func() (err error) {
			scratch, err = q.consume(scratch, receive)
			return err
		})
		if err != nil {
			return err
		}
		if n, err := q.event.Read(counter); err != nil || n == 0 {
			return nil
		}
	}
}

// watch waits for the end of the connection.
func (l *link) watch() error {
	for {
		m, err := l.recv()
		if err != nil {
			return err
		}
		closeFD(m.fd)
		switch m.kind {
		case typeDisconnect:
			return disconnected(m)
		case typeAck:
		default:
			return fmt.Errorf("unexpected message %d on an established connection", m.kind)
		}
	}
}

// transmit puts a frame on the queue of its flow, so that flows keep their order.
func (l *link) transmit(frame []byte) error {
	queues := l.tx()
	if len(queues) == 0 {
		return ErrFull
	}
	return queues[flow(l.mode, frame)%uint32(len(queues))].produce(frame)
}

// flow hashes the addresses: MAC in ethernet mode, IP in ip mode.
func flow(mode Mode, frame []byte) uint32 {
	from, to := 0, 12
	if mode == IP {
		from, to = 12, 20
		if len(frame) > 0 && frame[0]>>4 == 6 {
			from, to = 8, 40
		}
	}
	h := fnv.New32a()
	_, _ = h.Write(frame[min(from, len(frame)):min(to, len(frame))])
	return h.Sum32()
}

// release frees everything; nobody may use the link any more.
func (l *link) release() {
	_ = l.conn.Close()
	for _, q := range slices.Concat(l.s2m, l.m2s) {
		closeFD(q.fd)
		if q.event != nil {
			_ = q.event.Close()
		}
	}
	for _, r := range l.regions {
		r.unmap()
	}
}
