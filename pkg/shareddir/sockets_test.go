package shareddir

import (
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"
)

var socketKinds = map[string]int{"stream": syscall.SOCK_STREAM, "seqpacket": syscall.SOCK_SEQPACKET}

func TestClearNothing(t *testing.T) {
	p := newPlace(t)
	d := p.short()
	mustRefuse(t, d.Clear(socketName), d.Path)
	must(t, d.Create())
	must(t, d.Clear(socketName))
	must(t, d.Remove())
}

func TestClearAbandoned(t *testing.T) {
	kinds := map[string]int{"datagram": syscall.SOCK_DGRAM}
	for name, kind := range socketKinds {
		kinds[name] = kind
	}
	for name, kind := range kinds {
		for _, dir := range []func(place) Dir{place.short, place.long} {
			t.Run(name, func(t *testing.T) {
				p := newPlace(t)
				d := dir(p)
				must(t, d.Create())
				deadSocket(t, d.Socket(socketName), kind)
				must(t, d.Clear(socketName))
				if got := list(t, d.Path); len(got) > 0 {
					t.Errorf("left: %q", got)
				}
				deadSocket(t, d.Socket(socketName), kind)
				must(t, d.Remove(socketName))
			})
		}
	}
}

// TestInUse: a socket that somebody listens on is refused and stays, even when
// the listener's backlog is full, which would make a connection wait.
func TestInUse(t *testing.T) {
	for name, kind := range socketKinds {
		for _, full := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				p := newPlace(t)
				d := p.long()
				must(t, d.Create())
				fd := listen(t, d.Socket(socketName), kind, 0)
				if full {
					fillBacklog(t, d.Socket(socketName), kind)
				}
				mustRefuse(t, d.Clear(socketName), filepath.Join(d.Path, socketName), "listens")
				must(t, d.Remove(socketName)) // another network's, under the same name
				if got := list(t, d.Path); !slices.Equal(got, []string{socketName}) {
					t.Errorf("in the directory: %q", got)
				}
				if _, err := os.Stat(d.Socket(socketName)); err != nil {
					t.Errorf("the link to the socket in use: %v", err)
				}
				must(t, syscall.Close(fd))
				must(t, d.Clear(socketName))
				must(t, d.Remove(socketName))
			})
		}
	}
}

// fillBacklog connects until the listener has no room for another one.
func fillBacklog(t *testing.T, path string, kind int) {
	t.Helper()
	for {
		fd, err := syscall.Socket(syscall.AF_UNIX, kind|syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, 0)
		must(t, err)
		t.Cleanup(func() { syscall.Close(fd) })
		err = syscall.Connect(fd, &syscall.SockaddrUnix{Name: path})
		if err == syscall.EAGAIN {
			return
		}
		must(t, err)
	}
}

func TestClearRefusesOthers(t *testing.T) {
	for name, plant := range map[string]func(t *testing.T, path string){
		"file":           func(t *testing.T, path string) { write(t, path, "") },
		"directory":      func(t *testing.T, path string) { must(t, os.Mkdir(path, 0o700)) },
		"FIFO":           func(t *testing.T, path string) { must(t, syscall.Mkfifo(path, 0o600)) },
		"dangling link":  func(t *testing.T, path string) { must(t, os.Symlink("/none", path)) },
		"link to a dead": func(t *testing.T, path string) { must(t, os.Symlink("dead", path)) },
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t)
			d := p.short()
			must(t, d.Create())
			deadSocket(t, filepath.Join(d.Path, "dead"), syscall.SOCK_SEQPACKET)
			path := filepath.Join(d.Path, socketName)
			plant(t, path)
			mustRefuse(t, d.Clear(socketName), path, "not a socket")
			if got := list(t, d.Path); !slices.Equal(got, []string{"dead", socketName}) {
				t.Errorf("in the directory: %q", got)
			}
			must(t, os.Remove(path))
			must(t, d.Remove("dead"))
		})
	}
}

// TestRemoveClosing: VPP answers that the interface is gone before it closes the
// listener.
func TestRemoveClosing(t *testing.T) {
	d := newPlace(t).short()
	must(t, d.Create())
	fd := listen(t, d.Socket(socketName), syscall.SOCK_SEQPACKET, 0)
	time.AfterFunc(closeGrace/10, func() { syscall.Close(fd) })
	must(t, d.Remove(socketName))
	if _, err := os.Stat(d.Path); err == nil {
		t.Errorf("left: %q", list(t, d.Path))
	}
}

// TestAbandonedFollowsNoLink: whatever a pod puts in the socket's place after it
// was looked at, nobody else's socket is connected to.
func TestAbandonedFollowsNoLink(t *testing.T) {
	d, elsewhere := newPlace(t).short(), t.TempDir()
	t.Chdir(elsewhere) // the path may be too long for an address
	must(t, d.Create())
	deadSocket(t, "dead", syscall.SOCK_SEQPACKET)
	fd := listen(t, "live", syscall.SOCK_SEQPACKET, 1)
	defer syscall.Close(fd)
	must(t, syscall.SetNonblock(fd, true))
	root, err := d.open()
	must(t, err)
	defer root.Close()
	for _, target := range []string{"dead", "live"} {
		must(t, os.Symlink(filepath.Join(elsewhere, target), filepath.Join(d.Path, target)))
		if abandoned(root, target) {
			t.Errorf("the link to a %s socket counts as a socket that nobody listens on", target)
		}
		must(t, os.Remove(filepath.Join(d.Path, target)))
	}
	if conn, _, err := syscall.Accept(fd); err != syscall.EAGAIN {
		t.Errorf("somebody else's socket was connected to: %d, %v", conn, err)
	}
	must(t, d.Remove())
}
