package abstract

import (
	"errors"
	"fmt"
	"runtime"

	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// IsTaken tells whether a SEQPACKET socket in the network namespace at path has
// the abstract name, by trying to have it.
func IsTaken(path, name string) (taken bool, err error) {
	runtime.LockOSThread()
	own, err := netns.Get()
	if err != nil {
		return false, fmt.Errorf("our network namespace: %w", err)
	}
	defer own.Close()
	defer func() {
		if back := netns.Set(own); back != nil {
			// The thread stays where it is, and the goroutine's, for ever.
			err = errors.Join(err, fmt.Errorf("return to our network namespace: %w", back))
			return
		}
		runtime.UnlockOSThread()
	}()
	return isTaken(path, name)
}

func isTaken(path, name string) (bool, error) {
	other, err := netns.GetFromPath(path)
	if err != nil {
		return false, fmt.Errorf("open network namespace %s: %w", path, err)
	}
	defer other.Close()
	if err := netns.Set(other); err != nil {
		return false, fmt.Errorf("enter network namespace %s: %w", path, err)
	}
	socket, err := unix.Socket(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return false, fmt.Errorf("socket: %w", err)
	}
	defer unix.Close(socket)
	err = unix.Bind(socket, &unix.SockaddrUnix{Name: "@" + name})
	if errors.Is(err, unix.EADDRINUSE) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("bind @%s: %w", name, err)
	}
	return false, nil
}
