package shareddir

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// accessOf reads owner and mode of a path itself.
func accessOf(t *testing.T, path string) Access {
	t.Helper()
	info, err := os.Lstat(path)
	must(t, err)
	stat := info.Sys().(*syscall.Stat_t)
	return Access{int(stat.Uid), int(stat.Gid), info.Mode().Perm()}
}

// someone is a user and a group that files can be given to: strangers where the
// tests run as root, else ourselves.
func someone(mode os.FileMode) Access {
	if os.Geteuid() != 0 {
		return Access{os.Geteuid(), os.Getegid(), mode}
	}
	return Access{4242, 4343, mode}
}

func TestGrant(t *testing.T) {
	for name, dir := range map[string]func(place) Dir{"short": place.short, "long": place.long} {
		t.Run(name, func(t *testing.T) {
			d := dir(newPlace(t))
			must(t, d.Create())
			deadSocket(t, d.Socket(socketName), syscall.SOCK_SEQPACKET)
			for _, want := range []Access{someone(0o660), someone(0o600), {os.Geteuid(), os.Getegid(), 0o640}} {
				must(t, d.Grant(socketName, want))
				if got := accessOf(t, filepath.Join(d.Path, socketName)); got != want {
					t.Errorf("%s, want %s", got, want)
				}
				if got, err := d.Granted(socketName); err != nil || got != want {
					t.Errorf("granted: %s, %v, want %s", got, err, want)
				}
			}
			must(t, d.Remove(socketName))
		})
	}
}

// TestGrantNothingElse: what a pod puts in the socket's place keeps its owner
// and its mode, and so does what it leads to.
func TestGrantNothingElse(t *testing.T) {
	p := newPlace(t)
	d := p.short()
	must(t, d.Create())
	outside := t.TempDir()
	victims := map[string]func(path string) error{
		"file":            func(path string) error { return os.WriteFile(path, nil, 0o600) },
		"directory":       func(path string) error { return os.Mkdir(path, 0o700) },
		"FIFO":            func(path string) error { return syscall.Mkfifo(path, 0o600) },
		"symlink":         func(path string) error { return os.Symlink(filepath.Join(outside, "victim"), path) },
		"symlink to ours": func(path string) error { return os.Symlink("other.sock", path) },
		"nothing":         func(string) error { return nil },
	}
	write(t, filepath.Join(outside, "victim"), "")
	deadSocket(t, d.Socket("other.sock"), syscall.SOCK_STREAM)
	before := []Access{accessOf(t, filepath.Join(outside, "victim")), accessOf(t, d.Socket("other.sock"))}
	for name, plant := range victims {
		path := filepath.Join(d.Path, socketName)
		must(t, plant(path))
		if err := d.Grant(socketName, someone(0o666)); !errors.Is(err, ErrNoSocket) {
			t.Errorf("%s: %v, want %v", name, err, ErrNoSocket)
		}
		if _, err := d.Granted(socketName); !errors.Is(err, ErrNoSocket) {
			t.Errorf("%s: %v, want %v", name, err, ErrNoSocket)
		}
		must(t, os.RemoveAll(path))
	}
	for i, path := range []string{filepath.Join(outside, "victim"), d.Socket("other.sock")} {
		if got := accessOf(t, path); got != before[i] {
			t.Errorf("%s: %s, was %s", path, got, before[i])
		}
	}
	must(t, d.Remove("other.sock"))
}

func TestWriteFileAccess(t *testing.T) {
	d := newPlace(t).short()
	must(t, d.Create())
	for _, want := range []Access{{os.Geteuid(), os.Getegid(), 0o644}, someone(0o440)} {
		must(t, d.WriteFile("file", []byte("x"), want))
		if got := accessOf(t, filepath.Join(d.Path, "file")); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	must(t, d.Remove("file"))
}
