package shareddir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// ErrOccupied means that something that isn't ours stands where a socket of ours
// should.
var ErrOccupied = errors.New("there is something else at the socket's path")

// Clear makes sure that nothing stands at a socket's name before VPP is asked
// to listen there: VPP would connect to what it finds, and wait for it with all
// its packets. A socket that nobody listens on any more is removed, whoever
// left it. Anything else is refused.
func (d Dir) Clear(name string) error {
	root, err := d.open()
	if err != nil {
		return err
	}
	defer root.Close()
	info, err := root.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	path := filepath.Join(d.Path, name)
	switch {
	case err != nil:
		return fmt.Errorf("look at %s: %w", path, err)
	case info.Mode().Type() != fs.ModeSocket:
		return fmt.Errorf("%w: %s is not a socket (%s): remove it, or choose another socketfile", ErrOccupied, path, info.Mode())
	case !abandoned(root, name):
		return fmt.Errorf("%w: somebody listens on %s: choose another socketfile", ErrOccupied, path)
	}
	if err := root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove abandoned socket: %w", err)
	}
	return nil
}

// closeGrace is how long VPP may take to close a listener after it has answered
// that the interface is gone: it does so in a later round of its main loop.
const closeGrace = 500 * time.Millisecond

// soonAbandoned waits a while for the listener to close.
func soonAbandoned(root *os.Root, name string) bool {
	for until := time.Now().Add(closeGrace); !abandoned(root, name); time.Sleep(time.Millisecond) {
		if time.Now().After(until) {
			return false
		}
	}
	return true
}

// abandoned tells whether nobody has a socket. The connection attempt is of another type
// than any of ours: the kernel refuses it at once, in one way where the socket is alive
// and in another where it isn't (unix_find_other in net/unix/af_unix.c), and whoever
// listens knows nothing of it. VPP would keep a client that hangs up. It goes to the
// socket that was opened: a link that a pod puts in its place meanwhile may lead
// to anybody's.
func abandoned(root *os.Root, name string) bool {
	socket, err := openSocket(root, name)
	if err != nil {
		return false
	}
	defer socket.Close()
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_DGRAM|syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer syscall.Close(fd)
	path := fmt.Sprintf("/proc/self/fd/%d", socket.Fd())
	return errors.Is(syscall.Connect(fd, &syscall.SockaddrUnix{Name: path}), syscall.ECONNREFUSED)
}
