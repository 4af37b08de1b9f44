package contract

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// put writes an entry that says little but who it is.
func put(t *testing.T, dir, network string, created int64) string {
	t.Helper()
	e := Entry{ContainerID: "c", IfName: "net1", Name: network, Created: time.Unix(created, 0)}
	data, err := json.Marshal(e)
	must(t, err)
	path := filepath.Join(dir, FileName(e.Attachment()))
	must(t, os.WriteFile(path, data, 0o600))
	return path
}

func networks(all []Entry) []string {
	var names []string
	for _, e := range all {
		names = append(names, e.Name)
	}
	return names
}

func TestReadDir(t *testing.T) {
	dir := t.TempDir()
	if all, err := ReadDir(dir); err != nil || len(all) > 0 {
		t.Errorf("empty: %v, %v", all, err)
	}
	want := []string{"a", "b", "c", "d", "e", "f", "g", "h"}
	for i, network := range want {
		put(t, dir, network, int64(i))
	}
	for _, other := range []string{"memif-net1.sock", "configData-x.json.tmp", "configData-x", "x.json"} {
		must(t, os.WriteFile(filepath.Join(dir, other), []byte("{"), 0o600))
	}
	all, err := ReadDir(dir)
	must(t, err)
	if got := networks(all); !slices.Equal(got, want) {
		t.Errorf("read %q", got)
	}
	if _, err := ReadDir(filepath.Join(dir, "none")); !os.IsNotExist(err) {
		t.Errorf("no directory: %v", err)
	}
}

// TestReadDirHostile: what stands at an entry's name but can't be one is
// reported by its name, and the other entries are read; nothing is waited for.
func TestReadDirHostile(t *testing.T) {
	for name, c := range map[string]struct {
		plant func(t *testing.T, path string)
		words string
	}{
		"FIFO":          {func(t *testing.T, path string) { must(t, syscall.Mkfifo(path, 0o600)) }, "not a regular file"},
		"directory":     {func(t *testing.T, path string) { must(t, os.Mkdir(path, 0o700)) }, "not a regular file"},
		"link":          {func(t *testing.T, path string) { must(t, os.Symlink("/etc/passwd", path)) }, "not a regular file"},
		"link to entry": {func(t *testing.T, path string) { must(t, os.Symlink("other", path)) }, "not a regular file"},
		"device":        {func(t *testing.T, path string) { must(t, os.Symlink("/dev/zero", path)) }, "not a regular file"},
		"socket":        {socket, "not a regular file"},
		"empty":         {func(t *testing.T, path string) { must(t, os.WriteFile(path, nil, 0o600)) }, "unexpected end"},
		"huge": {func(t *testing.T, path string) {
			must(t, os.WriteFile(path, nil, 0o600))
			must(t, os.Truncate(path, 1<<40))
		}, "larger than"},
		"huge but valid": {func(t *testing.T, path string) {
			must(t, os.WriteFile(path, []byte(`{"ifName":"a","name":"b"}`+strings.Repeat(" ", maxFile)), 0o600))
		}, "larger than"},
		"deep": {func(t *testing.T, path string) {
			must(t, os.WriteFile(path, []byte(strings.Repeat("[", 100_000)), 0o600))
		}, "depth"},
		"binary": {func(t *testing.T, path string) { must(t, os.WriteFile(path, []byte{0, 1, 255}, 0o600)) }, "invalid character"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			put(t, dir, "good", 1)
			path := filepath.Join(dir, "configData-planted.json")
			c.plant(t, path)
			all, err := ReadDir(dir)
			if err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), c.words) {
				t.Errorf("error %v, want %q and the path", err, c.words)
			}
			if got := networks(all); !slices.Equal(got, []string{"good"}) {
				t.Errorf("read %q", got)
			}
		})
	}
}

func socket(t *testing.T, path string) {
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	must(t, err)
	defer syscall.Close(fd)
	t.Chdir(filepath.Dir(path)) // the path may be too long for an address
	must(t, syscall.Bind(fd, &syscall.SockaddrUnix{Name: filepath.Base(path)}))
}

// TestReadDirExchanged: a file that turns into a FIFO between looking and
// opening doesn't keep the reader waiting.
func TestReadDirExchanged(t *testing.T) {
	dir := t.TempDir()
	path := put(t, dir, "good", 1)
	file, fifo := filepath.Join(dir, "file"), filepath.Join(dir, "fifo")
	must(t, os.Rename(path, file))
	must(t, syscall.Mkfifo(fifo, 0o600))
	stop := make(chan struct{})
	var swapper sync.WaitGroup
	swapper.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			from := []string{file, fifo}[i%2]
			if err := errors.Join(os.Rename(from, path), os.Rename(path, from)); err != nil {
				t.Error(err)
				return
			}
		}
	})
	for range 3000 {
		all, _ := ReadDir(dir)
		if got := networks(all); len(got) > 1 || len(got) == 1 && got[0] != "good" {
			t.Errorf("read %q", got)
		}
	}
	close(stop)
	swapper.Wait()
}

// TestReadDirUnprintable: a file's own name clears no terminal and begins no
// line.
func TestReadDirUnprintable(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "good", 1)
	must(t, os.WriteFile(filepath.Join(dir, "configData-\x1b[2J\nlevel=ERROR.json"), []byte("{"), 0o600))
	all, err := ReadDir(dir)
	if err == nil || strings.ContainsFunc(err.Error(), unprintable) || !strings.Contains(err.Error(), dir) {
		t.Errorf("error %q", err)
	}
	if got := networks(all); !slices.Equal(got, []string{"good"}) {
		t.Errorf("read %q", got)
	}
}

// TestReadDirTwice: a second file about the same attachment is reported and not
// read.
func TestReadDirTwice(t *testing.T) {
	dir := t.TempDir()
	path := put(t, dir, "good", 1)
	data, err := os.ReadFile(path)
	must(t, err)
	second := filepath.Join(dir, "configData-zzz.json")
	must(t, os.WriteFile(second, data, 0o600))
	all, err := ReadDir(dir)
	if got := networks(all); !slices.Equal(got, []string{"good"}) || err == nil || !strings.Contains(err.Error(), second) {
		t.Errorf("read %q, error %v", got, err)
	}
}

// TestReadDirCrowded: a directory full of files is read as far as a pod can have
// networks.
func TestReadDirCrowded(t *testing.T) {
	dir := t.TempDir()
	for i := range maxFiles + 10 {
		put(t, dir, fmt.Sprintf("net-%d", i), int64(i))
	}
	if all, err := ReadDir(dir); len(all) != maxFiles || err == nil || !strings.Contains(err.Error(), "more than 1024") {
		t.Errorf("%d entries, error %v", len(all), err)
	}
}

// TestReadDirFIFO: what is no directory isn't waited for.
func TestReadDirFIFO(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fifo")
	must(t, syscall.Mkfifo(path, 0o600))
	if all, err := ReadDir(path); err == nil {
		t.Errorf("read %q", networks(all))
	}
}
