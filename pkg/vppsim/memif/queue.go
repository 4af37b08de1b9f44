package memif

import (
	"errors"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// maxFrame bounds a chain: no peer makes us gather more than this.
const maxFrame = 1 << 16

// ErrFull means that the peer has no free buffers.
var ErrFull = errors.New("memif: no free slots")

// queue is one ring with its interrupt, as its producer or its consumer sees it.
//
// The slave owns every buffer. On a slave-to-master ring the slave fills from
// head and the master gives back by moving tail; on a master-to-slave ring the
// slave offers empty buffers up to head and the master fills them from tail.
type queue struct {
	ring    ring
	s2m     bool
	fd      int      // event descriptor: written by the producer
	event   *os.File // the same, read by the consumer
	regions []region
	buffers buffers // the slave's own; zero on a master

	mu   sync.Mutex // producers are many
	next uint16     // slot that is produced or consumed next
}

// buffers says where a slave put the buffers of a ring.
type buffers struct{ offset, size uint32 }

func (b buffers) at(slot uint16) uint32 { return b.offset + uint32(slot)*b.size }

// produce copies a frame into as many buffers as it takes and rings the bell.
func (q *queue) produce(frame []byte) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	return guarded(func() error {
		slot, err := q.fill(frame)
		if err != nil {
			return err
		}
		q.next = slot
		q.publish()
		return nil
	})
}

func (q *queue) fill(frame []byte) (slot uint16, err error) {
	slot = q.next
	free := q.free()
	if free > q.ring.size() {
		return 0, errRing
	}
	for ; free > 0; free-- {
		d, buf, ok := q.buffer(slot)
		if !ok {
			return 0, errRing
		}
		n := copy(buf, frame)
		frame = frame[n:]
		d.flags, d.length = 0, uint32(n)
		if len(frame) > 0 {
			d.flags = flagNext
		}
		q.ring.setDescriptor(slot, d)
		slot++
		if len(frame) == 0 {
			return slot, nil
		}
	}
	return 0, ErrFull
}

func (q *queue) free() uint16 {
	if q.s2m {
		return q.ring.size() - (q.next - q.ring.tail())
	}
	return q.ring.head() - q.next
}

// buffer is the empty buffer of a slot: a slave knows its own, a master has to
// believe the descriptor as far as it stays inside a region.
func (q *queue) buffer(slot uint16) (d descriptor, buf []byte, ok bool) {
	if q.s2m {
		d = descriptor{offset: q.buffers.at(slot & q.ring.mask), length: q.buffers.size}
	} else {
		d = q.ring.descriptor(slot)
	}
	buf, ok = q.memory(d)
	return d, buf, ok
}

func (q *queue) memory(d descriptor) ([]byte, bool) {
	if int(d.region) >= len(q.regions) {
		return nil, false
	}
	return q.regions[d.region].slice(d.offset, d.length)
}

func (q *queue) publish() {
	if q.s2m {
		q.ring.setHead(q.next)
	} else {
		q.ring.setTail(q.next)
	}
	if !q.ring.masked() {
		// A full counter (EAGAIN) has woken the peer already.
		_, _ = unix.Write(q.fd, []byte{1, 0, 0, 0, 0, 0, 0, 0})
	}
}

// consume hands every frame in the ring to receive, which must not keep it, and
// gives the buffers back. VPP drops a packet with a bad descriptor and goes on.
func (q *queue) consume(scratch []byte, receive func([]byte)) ([]byte, error) {
	for {
		filled := q.filled()
		if filled > q.ring.size() {
			return scratch, errRing
		}
		if filled == 0 {
			return scratch, nil
		}
		for end := q.next + filled; q.next != end; {
			var ok bool
			if scratch, ok = q.gather(scratch[:0], end); ok {
				receive(scratch)
			}
		}
		q.release()
	}
}

func (q *queue) filled() uint16 {
	if q.s2m {
		return q.ring.head() - q.next
	}
	return q.ring.tail() - q.next
}

// gather copies one frame, which may be a chain, into private memory.
func (q *queue) gather(frame []byte, end uint16) (_ []byte, ok bool) {
	ok = true
	for q.next != end {
		d := q.ring.descriptor(q.next)
		q.next++
		buf, inside := q.memory(d)
		if !inside || len(frame)+len(buf) > maxFrame {
			ok = false
			buf = nil
		}
		frame = append(frame, buf...)
		if d.flags&flagNext == 0 {
			return frame, ok && len(frame) > 0
		}
	}
	return frame, false // the chain has no end
}

func (q *queue) release() {
	if q.s2m {
		q.ring.setTail(q.next)
		return
	}
	q.offer()
}

// offer gives all buffers of a master-to-slave ring to the master.
func (q *queue) offer() {
	head := q.next + q.ring.size()
	for slot := q.ring.head(); slot != head; slot++ {
		q.ring.setDescriptor(slot, descriptor{offset: q.buffers.at(slot & q.ring.mask), length: q.buffers.size})
	}
	q.ring.setHead(head)
}
