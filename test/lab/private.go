package lab

import (
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// Private gives the calling goroutine, and what it starts, a directory of their
// own at a path that others have too: so several can try at once a program that
// keeps its state there. VPPs that it starts see it too, and end with it. The
// goroutine stays on its thread, which ends with it.
func Private(dir string) error {
	if err := os.MkdirAll(dir, 0o711); err != nil {
		return err
	}
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNS | unix.CLONE_FS); err != nil {
		return fmt.Errorf("a mount namespace of our own: %w", err)
	}
	if err := unix.Mount("tmpfs", dir, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=711"); err != nil {
		return fmt.Errorf("mount an empty %s: %w", dir, err)
	}
	return nil
}

// isPrivate tells whether the calling goroutine has made itself Private.
func isPrivate() bool {
	own, err1 := os.Readlink("/proc/thread-self/ns/mnt")
	common, err2 := os.Readlink("/proc/self/ns/mnt")
	return err1 == nil && err2 == nil && own != common
}
