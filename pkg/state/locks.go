package state

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
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
	for {
		file, err := l.lock(ctx, name)
		if err != nil {
			return nil, err
		}
		if l.isCurrent(file) {
			return func() { file.Close() }, nil
		}
		file.Close() // it was removed while we waited: others lock another one
	}
}

func (l Locks) path() string { return filepath.Join(l.Dir, "lock") }

// isCurrent tells whether a file is the one that others lock, too.
func (l Locks) isCurrent(file *os.File) bool {
	ours, err1 := file.Stat()
	others, err2 := os.Stat(l.path())
	return err1 == nil && err2 == nil && os.SameFile(ours, others)
}

// lock returns the file in which it holds the lock.
func (l Locks) lock(ctx context.Context, name string) (*os.File, error) {
	if ctx.Err() != nil { // nobody need hold it
		return nil, fmt.Errorf("lock %q: %w", name, context.Cause(ctx))
	}
	if err := os.MkdirAll(l.Dir, dirMode); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(l.path(), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if l.Inherited {
		if _, err := unix.FcntlInt(file.Fd(), unix.F_SETFD, 0); err != nil { // os set FD_CLOEXEC
			file.Close()
			return nil, fmt.Errorf("lock %q: %w", name, err)
		}
	}
	err = lockByte(file, name, unix.F_OFD_SETLK)
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < shortWait {
		for errors.Is(err, unix.EAGAIN) && pause(ctx) {
			err = lockByte(file, name, unix.F_OFD_SETLK)
		}
	} else if errors.Is(err, unix.EAGAIN) {
		return file, l.wait(ctx, file, name)
	}
	switch {
	case err == nil:
		return file, nil
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
func (Locks) wait(ctx context.Context, file *os.File, name string) error {
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
			return fmt.Errorf("lock %q: %w", name, failed)
		}
		return nil
	case <-ctx.Done():
		// The wait can't be interrupted; whenever it ends, the lock goes back.
		go func() { <-done; file.Close() }()
		return fmt.Errorf("%w: %q: %w", ErrLocked, name, context.Cause(ctx))
	}
}

// Busy tells whether anybody holds any lock but that of the name.
func (l Locks) Busy(but string) (bool, error) {
	file, err := os.Open(l.path())
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer file.Close()
	at := offset(but)
	for _, others := range []unix.Flock_t{{Start: 0, Len: at}, {Start: at + 1}} { // no length: to the end
		others.Type, others.Whence = unix.F_RDLCK, unix.SEEK_SET
		if err := unix.FcntlFlock(file.Fd(), unix.F_OFD_GETLK, &others); err != nil {
			return false, fmt.Errorf("look for locks: %w", err)
		}
		if others.Type != unix.F_UNLCK {
			return true, nil
		}
	}
	return false, nil
}

// offset is the name's byte.
func offset(name string) int64 {
	hash := sha256.Sum256([]byte(name))
	return int64(binary.BigEndian.Uint64(hash[:]) >> 2) // positive, and so is the end
}

func lockByte(file *os.File, name string, command int) error {
	lock := unix.Flock_t{Type: unix.F_WRLCK, Whence: unix.SEEK_SET, Start: offset(name), Len: 1}
	for {
		err := unix.FcntlFlock(file.Fd(), command, &lock)
		if err != unix.EINTR {
			return err
		}
	}
}
