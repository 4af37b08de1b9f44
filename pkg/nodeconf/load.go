package nodeconf

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// maxFile is far above what anybody writes by hand.
const maxFile = 1 << 20

// Load reads the settings at path; where there is no file, they are the
// defaults. A file that anybody but root can have written is an error, since
// what it grants would be worth nothing. Credentials that are installed beside
// them are taken where the settings name none.
func Load(path string) (Settings, error) {
	s, err := settings(path)
	if err != nil || s.KubeConfig != "" {
		return s, err
	}
	installed := filepath.Join(filepath.Dir(path), KubeConfigName)
	if _, err := os.Stat(installed); err == nil {
		s.KubeConfig = installed
	}
	return s, nil
}

func settings(path string) (Settings, error) {
	data, err := read(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Default(), nil
	case err != nil:
		return Settings{}, fmt.Errorf("node settings: %w", err)
	}
	s, err := Parse(data)
	if err != nil {
		return Settings{}, fmt.Errorf("%s: %w", path, err)
	}
	return s, nil
}

func read(path string) ([]byte, error) {
	// Without O_NONBLOCK a FIFO there would hold up every call.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if err := trusted(path, info); err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(data) > maxFile {
		err = fmt.Errorf("%s has more than %d bytes", path, maxFile)
	}
	return data, err
}

// trusted refuses what others could have written. Our own user counts as root:
// whoever it is, it decides what this process does anyway.
func trusted(path string, info fs.FileInfo) error {
	stat, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case !info.Mode().IsRegular() || !ok:
		return fmt.Errorf("%s is not a regular file (%s)", path, info.Mode())
	case stat.Uid != 0 && int(stat.Uid) != os.Geteuid():
		return fmt.Errorf("%s belongs to user %d; allowed: root (chown root %s)", path, stat.Uid, path)
	case info.Mode().Perm()&0o022 != 0:
		return fmt.Errorf("%s has mode %#o; allowed: not writable by group and others (chmod go-w %s)", path, info.Mode().Perm(), path)
	}
	return nil
}
