package shareddir

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/userspace-cni/userspace-cni/pkg/vpppath"
)

// place is a base for directories and one for links, both of which must be
// empty when the test ends.
type place struct {
	t           *testing.T
	base, links string
}

func newPlace(t *testing.T) place {
	t.Helper()
	// Not t.TempDir: its path is too long to leave room for a socket's name.
	dir, err := os.MkdirTemp("/tmp", "sd")
	if err != nil {
		t.Fatal(err)
	}
	p := place{t, filepath.Join(dir, "b"), filepath.Join(dir, "l")}
	t.Cleanup(func() {
		if diff := cmp.Diff([]string{}, append(list(t, p.base), list(t, p.links)...)); diff != "" {
			t.Errorf("left behind: %s", diff)
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return p
}

const socketName = "memif-net1.sock"

func (p place) short() Dir { return At(filepath.Join(p.base, "c1"), p.links, socketName) }
func (p place) long() Dir {
	return At(filepath.Join(p.base, strings.Repeat("c", 128)), p.links, socketName)
}

func list(t *testing.T, dir string) []string {
	t.Helper()
	names := []string{}
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// mustRefuse wants an error with all of the words.
func mustRefuse(t *testing.T, err error, words ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("error %q lacks %q", err, word)
		}
	}
}

func write(t *testing.T, path, content string) {
	t.Helper()
	must(t, os.WriteFile(path, []byte(content), 0o600))
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	must(t, err)
	return string(data)
}

// listen makes a socket of a type at a path, with room for backlog waiting
// connections, and returns its descriptor.
func listen(t *testing.T, path string, kind, backlog int) int {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_UNIX, kind|syscall.SOCK_CLOEXEC, 0)
	must(t, err)
	must(t, syscall.Bind(fd, &syscall.SockaddrUnix{Name: path}))
	must(t, syscall.Listen(fd, backlog))
	t.Cleanup(func() { syscall.Close(fd) })
	return fd
}

// deadSocket leaves a socket that nobody listens on.
func deadSocket(t *testing.T, path string, kind int) {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_UNIX, kind|syscall.SOCK_CLOEXEC, 0)
	must(t, err)
	must(t, syscall.Bind(fd, &syscall.SockaddrUnix{Name: path}))
	must(t, syscall.Close(fd))
}

func TestCreateRemove(t *testing.T) {
	for _, umask := range []int{0, 0o022, 0o077} {
		for name, dir := range map[string]func(place) Dir{"short": place.short, "long": place.long} {
			t.Run(fmt.Sprintf("%s, umask %03o", name, umask), func(t *testing.T) {
				defer syscall.Umask(syscall.Umask(umask))
				p := newPlace(t)
				d := dir(p)
				for range 2 {
					must(t, d.Create())
					must(t, d.WriteFile("file", []byte("content"), Access{Mode: 0o644}))
				}
				info, err := os.Lstat(d.Path)
				if err != nil || info.Mode() != fs.ModeDir|0o755 {
					t.Errorf("mode %v (%v)", info.Mode(), err)
				}
				info, err = os.Stat(d.Socket("file"))
				if err != nil || info.Mode() != 0o644 {
					t.Errorf("mode %v (%v)", info.Mode(), err)
				}
				if got := read(t, d.Socket("file")); got != "content" {
					t.Errorf("read %q", got)
				}
				for range 2 {
					must(t, d.Remove("file", "never-there"))
				}
			})
		}
	}
}

// TestLink: a socket can be bound and reached under the path that is given for
// it, whatever the directory's own length, and appears in the directory.
func TestLink(t *testing.T) {
	p := newPlace(t)
	for n := 60; n < 130; n++ {
		d := At(filepath.Join(p.base, strings.Repeat("c", n)), p.links, socketName)
		direct := len(filepath.Join(d.Path, socketName)) <= vpppath.MaxSocket
		if direct != (d.Link == "") {
			t.Errorf("path of %d bytes: link %q", len(d.Path), d.Link)
		}
		must(t, d.Create())
		listener, err := net.Listen("unix", d.Socket(socketName))
		must(t, err)
		listener.(*net.UnixListener).SetUnlinkOnClose(false)
		if got := list(t, d.Path); !slices.Equal(got, []string{socketName}) {
			t.Errorf("in the directory: %q", got)
		}
		must(t, listener.Close())
		must(t, d.Remove(socketName))
	}
}

func TestLinkLeadsElsewhere(t *testing.T) {
	p := newPlace(t)
	d := p.long()
	must(t, os.MkdirAll(p.links, 0o755))
	must(t, os.Symlink("/etc", d.Link))
	mustRefuse(t, d.Create(), d.Link, "/etc", d.Path)
	must(t, d.Remove())
}

// TestNetworksShareDirectory: they come and go in any order, one with a link
// and one without, and the last one leaves nothing.
func TestNetworksShareDirectory(t *testing.T) {
	p := newPlace(t)
	path := filepath.Join(p.base, strings.Repeat("c", vpppath.MaxSocket-len(p.base)-10))
	dirs := []Dir{At(path, p.links, "a.sock"), At(path, p.links, "long-name-b.sock"), At(path, p.links, "long-name-c.sock")}
	if dirs[0].Link != "" || dirs[1].Link == "" || dirs[1].Link == dirs[2].Link {
		t.Fatalf("not the links that this test is about: %+v", dirs)
	}
	for _, order := range [][]int{{0, 1, 2}, {2, 1, 0}, {1, 0, 2}} {
		for i, d := range dirs {
			must(t, d.Create())
			must(t, d.WriteFile(fmt.Sprint(i), nil, Access{Mode: 0o600}))
		}
		for done, i := range order {
			must(t, dirs[i].Remove(fmt.Sprint(i)))
			for _, j := range order[done+1:] {
				if read(t, dirs[j].Socket(fmt.Sprint(j))) != "" {
					t.Error("not the file")
				}
			}
		}
		if left := append(list(t, p.base), list(t, p.links)...); len(left) > 0 {
			t.Fatalf("order %v left %q", order, left)
		}
	}
}

// TestNetworksAtOnce: as the plugin does it, under one lock for the directory
// that is given back between ADD and DEL.
func TestNetworksAtOnce(t *testing.T) {
	p := newPlace(t)
	var lock sync.Mutex
	locked := func(do func() error) {
		lock.Lock()
		defer lock.Unlock()
		if err := do(); err != nil {
			t.Error(err)
		}
	}
	path := p.long().Path
	var all sync.WaitGroup
	for i := range 2 {
		name := fmt.Sprintf("net%d.sock", i)
		d := At(path, p.links, name)
		all.Go(func() {
			for range 100 {
				locked(func() error {
					return errors.Join(d.Create(), d.Clear(name), d.WriteFile(name, nil, Access{Mode: 0o600}))
				})
				if _, err := os.Stat(d.Socket(name)); err != nil {
					t.Error(err)
				}
				locked(func() error { return d.Remove(name) })
			}
		})
	}
	all.Wait()
}

// TestNotADirectory: whatever stands in the directory's place is refused, never
// followed, never waited for; removing leaves it alone and succeeds.
func TestNotADirectory(t *testing.T) {
	for name, plant := range map[string]func(t *testing.T, path, elsewhere string){
		"link to a directory": func(t *testing.T, path, elsewhere string) { must(t, os.Symlink(elsewhere, path)) },
		"dangling link":       func(t *testing.T, path, elsewhere string) { must(t, os.Symlink(elsewhere+"/none", path)) },
		"loop":                func(t *testing.T, path, _ string) { must(t, os.Symlink(path, path)) },
		"file":                func(t *testing.T, path, _ string) { write(t, path, "") },
		"FIFO":                func(t *testing.T, path, _ string) { must(t, syscall.Mkfifo(path, 0o600)) },
		"link to a FIFO": func(t *testing.T, path, elsewhere string) {
			must(t, syscall.Mkfifo(elsewhere+"/fifo", 0o600))
			must(t, os.Symlink(elsewhere+"/fifo", path))
		},
	} {
		t.Run(name, func(t *testing.T) {
			p, elsewhere := newPlace(t), t.TempDir()
			d := p.short()
			must(t, os.MkdirAll(p.base, 0o755))
			plant(t, d.Path, elsewhere)
			write(t, elsewhere+"/"+socketName, "theirs")
			mustRefuse(t, d.Create(), d.Path)
			mustRefuse(t, d.Clear(socketName), d.Path)
			mustRefuse(t, d.WriteFile(socketName, []byte("ours"), Access{Mode: 0o600}), d.Path)
			must(t, d.Remove(socketName))
			if got := read(t, elsewhere+"/"+socketName); got != "theirs" {
				t.Errorf("elsewhere: %q", got)
			}
			must(t, os.Remove(d.Path))
		})
	}
}

// TestWriteFilePlanted: what a pod put at our names is replaced, never written
// through.
func TestWriteFilePlanted(t *testing.T) {
	for _, at := range []string{"file", "file" + draftSuffix} {
		for name, plant := range map[string]func(t *testing.T, path, victim string){
			"link":      func(t *testing.T, path, victim string) { must(t, os.Symlink(victim, path)) },
			"hard link": func(t *testing.T, path, victim string) { must(t, os.Link(victim, path)) },
			"FIFO":      func(t *testing.T, path, _ string) { must(t, syscall.Mkfifo(path, 0o600)) },
			"file":      func(t *testing.T, path, _ string) { write(t, path, "planted") },
		} {
			t.Run(name+" at "+at, func(t *testing.T) {
				p := newPlace(t)
				victim := filepath.Join(p.base, "victim")
				d := p.short()
				must(t, d.Create())
				write(t, victim, "theirs")
				plant(t, filepath.Join(d.Path, at), victim)
				must(t, d.WriteFile("file", []byte("ours"), Access{Mode: 0o600}))
				if got := read(t, victim); got != "theirs" {
					t.Errorf("wrote %q through it", got)
				}
				if got := list(t, d.Path); !slices.Equal(got, []string{"file"}) {
					t.Errorf("in the directory: %q", got)
				}
				if got := read(t, filepath.Join(d.Path, "file")); got != "ours" {
					t.Errorf("read %q", got)
				}
				must(t, d.Remove("file"))
				must(t, os.Remove(victim))
			})
		}
	}
}

// TestPlantedDirectory: it can't be replaced, which is said, and not removed,
// which is no error: a pod mustn't be able to keep its own deletion from ending.
func TestPlantedDirectory(t *testing.T) {
	for _, at := range []string{"file", "file" + draftSuffix} {
		p := newPlace(t)
		d := p.short()
		must(t, d.Create())
		must(t, os.MkdirAll(filepath.Join(d.Path, at, "sub"), 0o755))
		mustRefuse(t, d.WriteFile("file", nil, Access{Mode: 0o600}), filepath.Join(d.Path, "file"))
		if got := list(t, d.Path); !slices.Equal(got, []string{at}) {
			t.Errorf("a failed write left %q", got)
		}
		must(t, d.Remove("file"))
		if got := list(t, d.Path); !slices.Equal(got, []string{at}) {
			t.Errorf("in the directory: %q", got)
		}
		must(t, os.RemoveAll(d.Path))
	}
}

func TestRemoveLeavesForeignFiles(t *testing.T) {
	p := newPlace(t)
	d := p.long()
	must(t, d.Create())
	must(t, d.WriteFile("ours", nil, Access{Mode: 0o600}))
	must(t, d.WriteFile("theirs", nil, Access{Mode: 0o600}))
	for range 2 {
		must(t, d.Remove("ours"))
	}
	if got := list(t, d.Path); !slices.Equal(got, []string{"theirs"}) {
		t.Errorf("in the directory: %q", got)
	}
	must(t, d.Remove("theirs"))
}

// TestRemoveLeavesWhatIsNotOurs: we make files and sockets, nothing else.
func TestRemoveLeavesWhatIsNotOurs(t *testing.T) {
	for name, plant := range map[string]func(path string) error{
		"FIFO":      func(path string) error { return syscall.Mkfifo(path, 0o600) },
		"link":      func(path string) error { return os.Symlink("/none", path) },
		"directory": func(path string) error { return os.Mkdir(path, 0o700) },
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t)
			d := p.long()
			must(t, d.Create())
			planted := []string{"file", "file" + draftSuffix, socketName}
			for _, at := range planted {
				must(t, plant(filepath.Join(d.Path, at)))
			}
			must(t, d.Remove("file", socketName))
			if got := list(t, d.Path); !slices.Equal(got, planted) {
				t.Errorf("in the directory: %q", got)
			}
			must(t, os.RemoveAll(d.Path))
		})
	}
}

// TestRemoveAfterKill: a killed WriteFile leaves a draft, a killed Remove a
// directory without its link.
func TestRemoveAfterKill(t *testing.T) {
	p := newPlace(t)
	d := p.long()
	must(t, d.Create())
	write(t, filepath.Join(d.Path, "file"+draftSuffix), "half")
	deadSocket(t, d.Socket(socketName), syscall.SOCK_SEQPACKET)
	must(t, os.Remove(d.Link))
	must(t, d.Remove("file", socketName))
	must(t, d.Create())
	must(t, os.Remove(d.Path))
	must(t, d.Remove("file"))
}

// TestNamesStayInside: no name leads out of the directory.
func TestNamesStayInside(t *testing.T) {
	p := newPlace(t)
	d := p.short()
	must(t, d.Create())
	victim := filepath.Join(p.base, "victim")
	write(t, victim, "theirs")
	mustRefuse(t, d.WriteFile("../victim", []byte("ours"), Access{Mode: 0o600}))
	mustRefuse(t, d.Clear("../victim"))
	mustRefuse(t, d.Remove("../victim"))
	must(t, d.Create())
	must(t, os.Symlink(p.base, filepath.Join(d.Path, "up")))
	mustRefuse(t, d.WriteFile("up/victim", []byte("ours"), Access{Mode: 0o600}))
	mustRefuse(t, d.Remove("up/victim"))
	if got := read(t, victim); got != "theirs" {
		t.Errorf("victim: %q", got)
	}
	must(t, errors.Join(os.Remove(victim), os.Remove(filepath.Join(d.Path, "up")), d.Remove()))
}
