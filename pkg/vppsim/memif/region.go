package memif

import (
	"errors"
	"fmt"
	"math"
	"runtime/debug"

	"golang.org/x/sys/unix"
)

var errFault = errors.New("the peer cut its shared memory short")

// region is one mapped piece of shared memory.
type region struct{ mem []byte }

// createRegion makes the memory that a slave shares; the caller closes fd.
func createRegion(size int) (r region, fd int, err error) {
	// x/sys knows the system call's number on each architecture.
	fd, err = unix.MemfdCreate("memif region 0", unix.MFD_CLOEXEC)
	if err != nil {
		return region{}, -1, fmt.Errorf("memfd_create: %w", err)
	}
	if err = unix.Ftruncate(fd, int64(size)); err == nil {
		r, err = mapRegion(fd, uint64(size))
	}
	if err != nil {
		closeFD(fd)
		return region{}, -1, err
	}
	return r, fd, nil
}

// mapRegion maps a peer's memory, which must be as long as the peer says.
func mapRegion(fd int, size uint64) (region, error) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return region{}, fmt.Errorf("region: %w", err)
	}
	if size == 0 || size > math.MaxInt64 || int64(size) > st.Size {
		return region{}, fmt.Errorf("region of %d bytes in a file of %d", size, st.Size)
	}
	mem, err := unix.Mmap(fd, 0, int(size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return region{}, fmt.Errorf("mmap of a region: %w", err)
	}
	return region{mem}, nil
}

// slice is a checked view: both numbers may come from a peer.
func (r region) slice(offset, length uint32) ([]byte, bool) {
	end := uint64(offset) + uint64(length)
	if end > uint64(len(r.mem)) {
		return nil, false
	}
	return r.mem[offset:end:end], true
}

func (r region) unmap() { _ = unix.Munmap(r.mem) }

// guarded runs f, which touches shared memory. A peer may truncate the file
// below a mapping at any time; the fault (SIGBUS) then costs the connection. A
// real VPP dies of it.
func guarded(f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		switch r := recover().(type) {
		case nil:
		case interface{ Addr() uintptr }: // see debug.SetPanicOnFault
			err = errFault
		default:
			panic(r)
		}
	}()
	return f()
}
