package clibsocket

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// Longest names that VPP accepts: it counts the terminating NUL, and the NUL
// that leads an abstract name.
const (
	maxPath     = 106
	maxAbstract = 105
)

// binding keeps the process's umask to one listener at a time, which VPP's main
// thread does by being one.
var binding sync.Mutex

// Address is a parsed socket name.
type Address struct {
	name  string // in package net's notation: an abstract name starts with @
	netns string // path of the network namespace, "" for the caller's own
}

// Parse reads VPP's notation: a path, unix:PATH, abstract:NAME, and after
// an abstract name netns_name= or netns_pid=. VPP stops at any character other
// than letters, digits, / _ - and . and then refuses what is left.
func Parse(s string) (Address, error) {
	form := regexp.MustCompile(`^(unix:|abstract:)?([A-Za-z0-9/_.-]*)(?:,netns_(name|pid)=([A-Za-z0-9/_.-]+))?$`)
	m := form.FindStringSubmatch(s)
	if m == nil || m[3] != "" && m[1] != "abstract:" {
		return Address{}, fmt.Errorf("unknown input in socket name %q", s)
	}
	a := Address{name: m[2], netns: netnsPath(m[3], m[4])}
	limit := maxPath
	if m[1] == "abstract:" {
		a.name, limit = "@"+m[2], maxAbstract+1
	}
	if len(a.name) > limit {
		return Address{}, fmt.Errorf("socket name %q is longer than %d bytes", s, limit)
	}
	return a, nil
}

func netnsPath(kind, value string) string {
	switch {
	case kind == "pid":
		return "/proc/" + value + "/ns/net"
	case value == "" || strings.HasPrefix(value, "/"):
		return value
	}
	return "/var/run/netns/" + value
}

func (a Address) unix() *net.UnixAddr { return &net.UnixAddr{Name: a.name, Net: "unixpacket"} }

func (a Address) abstract() bool { return strings.HasPrefix(a.name, "@") }

// Listen binds and listens as VPP does: a stale socket goes, anything else that
// stands at the path is an error, and nobody unlinks when it closes.
func (a Address) Listen() (ln *net.UnixListener, err error) {
	if !a.abstract() {
		if err := removeStale(a.name); err != nil {
			return nil, err
		}
	}
	binding.Lock()
	defer binding.Unlock()
	// Never a chmod of the path: who can write the directory may have put something
	// else there by then.
	defer syscall.Umask(syscall.Umask(syscall.S_IWOTH))
	err = inNetns(a.netns, func() error {
		ln, err = net.ListenUnix("unixpacket", a.unix())
		return err
	})
	if err != nil {
		return nil, err
	}
	ln.SetUnlinkOnClose(false)
	return ln, nil
}

// Dial connects to it.
func (a Address) Dial() (conn *net.UnixConn, err error) {
	err = inNetns(a.netns, func() error {
		conn, err = net.DialUnix("unixpacket", nil, a.unix())
		return err
	})
	return conn, err
}

// removeStale unlinks a socket that nobody listens on. VPP probes with a stream
// socket, so that any listener, of whatever type, counts as active.
func removeStale(path string) error {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Mode()&fs.ModeSocket == 0 {
		return fmt.Errorf("file %q already exists", path)
	}
	conn, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: path, Net: "unix"})
	if err == nil {
		_ = conn.Close()
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("active listener on %q", path)
	}
	return os.Remove(path)
}

// inNetns runs f on a thread in that network namespace. A thread that can't
// return to its own is not unlocked, so that it ends with its goroutine.
func inNetns(path string, f func() error) error {
	if path == "" {
		return f()
	}
	failed := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		err, restored := enterNetns(path, f)
		if restored {
			runtime.UnlockOSThread()
		}
		failed <- err
	}()
	return <-failed
}

func enterNetns(path string, f func() error) (err error, restored bool) {
	home, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		return err, true
	}
	defer home.Close()
	target, err := os.Open(path)
	if err != nil {
		return err, true
	}
	defer target.Close()
	if err := unix.Setns(int(target.Fd()), unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("setns %s: %w", path, err), true
	}
	err = f()
	return err, unix.Setns(int(home.Fd()), unix.CLONE_NEWNET) == nil
}
