package memif

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync/atomic"
	"unsafe"
)

// Layout of memif_ring_t and memif_desc_t.
const (
	ringCookie     = 0x3E31F20
	ringHeaderSize = 128
	flagsHeadAt    = 4
	tailAt         = 64
	descSize       = 16

	flagMaskInterrupt = 1
	flagNext          = 1
)

var errRing = errors.New("ring indices make no sense")

// ring is a view of one ring in shared memory. Both sides write to it: the
// 16-bit head shares a word with the flags, so each is changed by
// compare-and-swap on the 32 bits. memif is little-endian, as are amd64 and
// arm64.
type ring struct {
	cookie    *uint32
	flagsHead *uint32 // flags in the lower, head in the upper half
	tailWord  *uint32 // tail in the lower half, padding above
	desc      []byte
	mask      uint16
}

func ringBytes(log2 uint8) uint32 { return ringHeaderSize + descSize<<log2 }

// newRing checks what a peer says about a ring and looks at it.
func newRing(r region, offset uint32, log2 uint8) (ring, error) {
	if log2 > maxLog2RingSize {
		return ring{}, fmt.Errorf("ring of 2^%d descriptors", log2)
	}
	mem, ok := r.slice(offset, ringBytes(log2))
	if !ok || offset%4 != 0 {
		return ring{}, fmt.Errorf("ring at offset %d is not inside its region", offset)
	}
	word := func(at int) *uint32 { return (*uint32)(unsafe.Pointer(&mem[at])) }
	return ring{
		cookie: word(0), flagsHead: word(flagsHeadAt), tailWord: word(tailAt),
		desc: mem[ringHeaderSize:], mask: 1<<log2 - 1,
	}, nil
}

func (r ring) size() uint16 { return r.mask + 1 }

func (r ring) head() uint16 { return uint16(atomic.LoadUint32(r.flagsHead) >> 16) }
func (r ring) tail() uint16 { return uint16(atomic.LoadUint32(r.tailWord)) }

func (r ring) setTail(v uint16) { atomic.StoreUint32(r.tailWord, uint32(v)) }

func (r ring) setHead(v uint16) {
	r.update(func(word uint32) uint32 { return word&0xffff | uint32(v)<<16 })
}

func (r ring) update(f func(uint32) uint32) {
	for {
		old := atomic.LoadUint32(r.flagsHead)
		if atomic.CompareAndSwapUint32(r.flagsHead, old, f(old)) {
			return
		}
	}
}

// masked says that the consumer polls and wants no interrupts.
func (r ring) masked() bool { return atomic.LoadUint32(r.flagsHead)&flagMaskInterrupt != 0 }

func (r ring) unmask() {
	r.update(func(word uint32) uint32 { return word &^ flagMaskInterrupt })
}

// descriptor is a copy of memif_desc_t: the peer may rewrite the original while
// it is being checked.
type descriptor struct {
	flags, region  uint16
	length, offset uint32
}

func (r ring) descriptor(slot uint16) descriptor {
	b := r.at(slot)
	return descriptor{
		flags:  binary.LittleEndian.Uint16(b),
		region: binary.LittleEndian.Uint16(b[2:]),
		length: binary.LittleEndian.Uint32(b[4:]),
		offset: binary.LittleEndian.Uint32(b[8:]),
	}
}

func (r ring) setDescriptor(slot uint16, d descriptor) {
	b := r.at(slot)
	binary.LittleEndian.PutUint16(b, d.flags)
	binary.LittleEndian.PutUint16(b[2:], d.region)
	binary.LittleEndian.PutUint32(b[4:], d.length)
	binary.LittleEndian.PutUint32(b[8:], d.offset)
}

func (r ring) at(slot uint16) []byte {
	i := int(slot&r.mask) * descSize
	return r.desc[i : i+descSize]
}

// checkEvent makes sure that a peer's descriptor is an eventfd. Another sort
// might never block, and its reader would spin.
func checkEvent(fd int) error {
	target, err := os.Readlink("/proc/self/fd/" + strconv.Itoa(fd))
	if err != nil {
		return err
	}
	if target != "anon_inode:[eventfd]" {
		return fmt.Errorf("ring interrupt is a %s", target)
	}
	return nil
}
