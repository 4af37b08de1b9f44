package suite

import (
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
)

// canary is a tree outside of everything that is shared with a pod. Whatever a
// pod does in its own directories, it must stay as it is.
type canary struct {
	b   *bench
	dir string
	// connected counts who has connected to its sockets.
	connected atomic.Int64
	before    string
	// vppLooks: VPP itself connects to what it finds at a socket's name, and so to
	// where a link leads that stands there since the plugin has looked.
	vppLooks bool
}

func (b *bench) canary() *canary {
	b.Helper()
	c := &canary{b: b, dir: filepath.Join(b.dir, "canary")}
	must(b, os.MkdirAll(c.path("dir/inner"), 0o700))
	must(b, os.WriteFile(c.path("file"), []byte("root's"), 0o600))
	must(b, os.WriteFile(c.path("dir/file"), []byte("root's too"), 0o640))
	must(b, os.Symlink("file", c.path("link")))
	must(b, syscall.Mkfifo(c.path("fifo"), 0o600))
	listen(b, c.path("dead.sock")).Close()
	stream, err := net.Listen("unix", c.path("stream.sock"))
	must(b, err)
	for _, listener := range []net.Listener{stream, listen(b, c.path("live.sock"))} {
		b.Cleanup(closer(listener))
		go c.accept(listener)
	}
	c.before = c.look()
	return c
}

func (c *canary) path(name string) string { return filepath.Join(c.dir, name) }

func (c *canary) accept(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		c.connected.Add(1)
		conn.Close()
	}
}

// look spells out everything but the times of access. The time of change tells
// of whatever happens to an inode.
func (c *canary) look() string {
	c.b.Helper()
	var all strings.Builder
	must(c.b, filepath.WalkDir(c.dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		stat := info.Sys().(*syscall.Stat_t)
		content := ""
		switch {
		case info.Mode().IsRegular():
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			content = string(data)
		case info.Mode().Type() == fs.ModeSymlink:
			content, _ = os.Readlink(path)
		}
		fmt.Fprintf(&all, "%s %s %d:%d inode %d, %d links, changed %d.%09d %q\n",
			path, info.Mode(), stat.Uid, stat.Gid, stat.Ino, stat.Nlink, stat.Ctim.Sec, stat.Ctim.Nsec, content)
		return nil
	}))
	return all.String()
}

// mustBeIntact asserts that nothing has happened to it.
func (c *canary) mustBeIntact(what string) {
	c.b.Helper()
	if now := c.look(); now != c.before {
		c.b.Errorf("%s: what is outside was\n%sand is\n%s", what, c.before, now)
		c.before = now
	}
	if n := c.connected.Swap(0); n > 0 && !c.vppLooks {
		c.b.Errorf("%s: %d connections to what is outside", what, n)
	}
}

// lures are what a pod plants at a name: links that lead outside, and things
// that nobody should wait for.
func (c *canary) lures() []func(path string) error {
	var all []func(path string) error
	for _, target := range []string{"file", "dir", "fifo", "link", "live.sock", "stream.sock", "dead.sock", "missing"} {
		all = append(all, func(path string) error { return os.Symlink(c.path(target), path) })
	}
	return append(all,
		func(string) error { return nil },
		func(path string) error { return os.Symlink(filepath.Base(path), path) },
		func(path string) error { return os.WriteFile(path, []byte("the pod's"), 0o666) },
		func(path string) error { return os.MkdirAll(filepath.Join(path, "full"), 0o777) },
		func(path string) error { return syscall.Mkfifo(path, 0o666) },
		func(path string) error { return bound(path, syscall.SOCK_SEQPACKET) },
		func(path string) error { return bound(path, syscall.SOCK_STREAM) },
	)
}

// bound makes a socket that nobody listens on.
func bound(path string, kind int) error {
	fd, err := syscall.Socket(syscall.AF_UNIX, kind|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer syscall.Close(fd)
	return syscall.Bind(fd, &syscall.SockaddrUnix{Name: path})
}
