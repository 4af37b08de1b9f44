package lab

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"github.com/vishvananda/netns"
)

// netnsDir is where network namespaces have names.
const netnsDir = "/run/netns"

// NewNetns makes a network namespace and returns its path.
func NewNetns(name string) (string, error) {
	made := make(chan error, 1)
	go func() {
		// The thread stays in the new namespace, so it ends with the goroutine.
		runtime.LockOSThread()
		handle, err := netns.NewNamed(name)
		if err == nil {
			err = handle.Close()
		}
		made <- err
	}()
	return filepath.Join(netnsDir, name), <-made
}

// DeleteNetns takes the namespace's name away; it may be gone.
func DeleteNetns(path string) error {
	if err := netns.DeleteNamed(filepath.Base(path)); err != nil && !errors.Is(err, fs.ErrNotExist) && !os.IsNotExist(err) {
		return err
	}
	return nil
}
