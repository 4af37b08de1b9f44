package state

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// ErrLocked means that another call held a lock until the context ended.
var ErrLocked = errors.New("another call holds the lock")

// Locks are named locks between processes: one byte for each name in one file,
// locked by an open file description (fcntl(2), F_OFD_SETLKW). So a lock ends
// with the process however that ends, and no lock file is ever left behind.
//
// What the process starts inherits the locks on demand: an IPAM plugin goes on
// when its caller is killed, and until it has ended, nobody can tell what it
// leaves of the attachment.
type Locks struct {
	Dir       string
	Inherited bool
}

// Lock waits for the lock of that name until the context ends.
func (l Locks) Lock(ctx context.Context, name string) (unlock func(), err error) {
	if ctx.Err() != nil { // nobody need hold it
		return nil, fmt.Errorf("lock %q: %w", name, context.Cause(ctx))
	}
	if err := os.MkdirAll(l.Dir, dirMode); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(filepath.Join(l.Dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if l.Inherited {
		if _, err := unix.FcntlInt(file.Fd(), unix.F_SETFD, 0); err != nil { // os set FD_CLOEXEC
			file.Close()
			return nil, fmt.Errorf("lock %q: %w", name, err)
		}
	}
	unlock = func() { file.Close() }
	err = lockByte(file, name, unix.F_OFD_SETLK)
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < shortWait {
		for errors.Is(err, unix.EAGAIN) && pause(ctx) {
			err = lockByte(file, name, unix.F_OFD_SETLK)
		}
	} else if errors.Is(err, unix.EAGAIN) {
		return l.wait(ctx, file, name)
	}
	switch {
	case err == nil:
		return unlock, nil
	case errors.Is(err, unix.EAGAIN):
		err = fmt.Errorf("%w: %q: %w", ErrLocked, name, context.Cause(ctx))
	default:
		err = fmt.Errorf("lock %q: %w", name, err)
	}
	file.Close()
	return nil, err
}

// shortWait is how long a wait is that asks again and again: one in the kernel
// can't be given up, and keeps a thread of a program that stays.
const shortWait = time.Second

// pause waits for a moment; it returns false when the context has ended.
func pause(ctx context.Context) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(2 * time.Millisecond):
		return true
	}
}

// wait queues for the lock until the context ends.
func (Locks) wait(ctx context.Context, file *os.File, name string) (unlock func(), err error) {
	var failed error // set before done is closed
	done := make(chan struct{})
	go func() {
		defer close(done)
		failed = lockByte(file, name, unix.F_OFD_SETLKW)
	}()
	select {
	case <-done:
		if failed != nil {
			file.Close()
			return nil, fmt.Errorf("lock %q: %w", name, failed)
		}
		return func() { file.Close() }, nil
	case <-ctx.Done():
		// The wait can't be interrupted; whenever it ends, the lock goes back.
		go func() { <-done; file.Close() }()
		return nil, fmt.Errorf("%w: %q: %w", ErrLocked, name, context.Cause(ctx))
	}
}

func lockByte(file *os.File, name string, command int) error {
	hash := sha256.Sum256([]byte(name))
	lock := unix.Flock_t{
		Type:   unix.F_WRLCK,
		Whence: unix.SEEK_SET,
		Start:  int64(binary.BigEndian.Uint64(hash[:]) >> 2), // positive, and so is the end
		Len:    1,
	}
	for {
		err := unix.FcntlFlock(file.Fd(), command, &lock)
		if err != unix.EINTR {
			return err
		}
	}
}
