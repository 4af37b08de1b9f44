package procfs

import (
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// tree makes files below a new directory.
func tree(t *testing.T, files map[string]string) Dir {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return Dir(dir)
}

func TestHugePages(t *testing.T) {
	d := tree(t, map[string]string{"meminfo": "MemTotal:  100 kB\nHugePages_Total:     512\nHugePages_Free:      12\nHugepagesize:       2048 kB\n"})
	if got, err := d.HugePages(); err != nil || got != (HugePages{512, 12, 2048}) {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := tree(t, map[string]string{"meminfo": "MemTotal:  100 kB\n"}).HugePages(); err == nil {
		t.Error("a kernel without huge pages is no error")
	}
	if _, err := Dir(t.TempDir()).HugePages(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no meminfo: %v", err)
	}
}

func TestFiles(t *testing.T) {
	const head = "Limit                     Soft Limit           Hard Limit           Units     \n"
	for line, want := range map[string]uint64{
		"Max open files            1024                 4096                 files     \n": 1024,
		"Max open files            unlimited            unlimited            files     \n": math.MaxUint64,
	} {
		d := tree(t, map[string]string{"7/limits": head + line, "7/fd/0": "", "7/fd/1": ""})
		if open, limit, err := d.Process(7).Files(); err != nil || open != 2 || limit != want {
			t.Errorf("%s: %d of %d, %v", line, open, limit, err)
		}
	}
	if _, _, err := tree(t, map[string]string{"7/limits": head, "7/fd/0": ""}).Process(7).Files(); err == nil {
		t.Error("a missing limit is no error")
	}
	if _, _, err := tree(t, nil).Process(7).Files(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no process: %v", err)
	}
}

func TestCan(t *testing.T) {
	p := tree(t, map[string]string{"7/status": "Name:\tvpp\nCapEff:\t0000000000200000\n"}).Process(7)
	for capability, want := range map[int]bool{unix.CAP_SYS_ADMIN: true, unix.CAP_SYS_PTRACE: false} {
		if got, err := p.Can(capability); err != nil || got != want {
			t.Errorf("capability %d: %t, %v", capability, got, err)
		}
	}
	if _, err := tree(t, map[string]string{"7/status": "Name:\tvpp\n"}).Process(7).Can(0); err == nil {
		t.Error("no capabilities are no error")
	}
}

// TestSees has a process with another root, in which a path may lead to the same
// place, to another, or to none, also by a link that is absolute.
func TestSees(t *testing.T) {
	d := tree(t, nil)
	here := t.TempDir()
	root := filepath.Join(string(d), "7", "root")
	if err := os.MkdirAll(filepath.Join(root, here), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"same", "other", "none", "target"} {
		if err := os.WriteFile(filepath.Join(here, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	theirs := filepath.Join(root, here)
	for _, err := range []error{
		os.Link(filepath.Join(here, "same"), filepath.Join(theirs, "same")),
		os.WriteFile(filepath.Join(theirs, "other"), nil, 0o644),
		os.WriteFile(filepath.Join(theirs, "target"), nil, 0o644),
		os.Symlink(filepath.Join(here, "target"), filepath.Join(here, "link")),
		os.Symlink(filepath.Join(here, "target"), filepath.Join(theirs, "link")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]bool{"same": true, "other": false, "none": false, "link": false} {
		if got, err := d.Process(7).Sees(filepath.Join(here, name)); err != nil || got != want {
			t.Errorf("%s: %t, %v, want %t", name, got, err, want)
		}
	}
	if _, err := d.Process(7).Sees(filepath.Join(here, "nowhere")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what isn't there: %v", err)
	}
	if same, err := Default.Process(os.Getpid()).Sees("/proc"); err != nil || !same {
		t.Errorf("we ourselves: %t, %v", same, err)
	}
}
