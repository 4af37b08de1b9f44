package access

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Writable fails when files couldn't be made in the directory, or when the
// directory isn't there and couldn't be made.
func Writable(dir string) error {
	info, err := os.Stat(dir)
	if errors.Is(err, fs.ErrNotExist) && filepath.Dir(dir) != dir {
		return Writable(filepath.Dir(dir))
	}
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return &fs.PathError{Op: "write to", Path: dir, Err: unix.ENOTDIR}
	}
	// For root too this tells a file system that is mounted read-only.
	if err := unix.Access(dir, unix.W_OK|unix.X_OK); err != nil {
		return &fs.PathError{Op: "write to", Path: dir, Err: err}
	}
	var space unix.Statfs_t
	if err := unix.Statfs(dir, &space); err == nil && space.Blocks > 0 && space.Bavail == 0 {
		return fmt.Errorf("write to %s: %w", dir, unix.ENOSPC)
	}
	return nil
}
