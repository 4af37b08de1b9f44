package usrspapp

import (
	"bytes"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/userspace-cni/userspace-cni/pkg/netconf"
)

// TestReachLink: a path that is too long for a socket is reached by a link, the
// same every time; a socket can't be made through one.
func TestReachLink(t *testing.T) {
	a := dpdkApp(t)
	a.SharedDir = filepath.Join(a.SharedDir, strings.Repeat("l", 100))
	must(t, os.Mkdir(a.SharedDir, 0o755))
	side := entry("a").Config
	want := filepath.Join(a.SharedDir, side.Memif.SocketFile)
	for range 2 {
		link, err := a.reach(side)
		must(t, err)
		if target, err := os.Readlink(link); err != nil || target != want || len(link) > maxPath {
			t.Errorf("%s leads to %q (%v), want %s", link, target, err, want)
		}
	}
	side.Memif.Role = netconf.RoleMaster
	if _, err := a.reach(side); err == nil || !strings.Contains(err.Error(), "mount the shared directory at a shorter path") {
		t.Errorf("a socket to be made: %v", err)
	}
}

// TestReachReadOnly: a link is DPDK's memif driver's need alone where the shared
// directory can't be written to.
func TestReachReadOnly(t *testing.T) {
	a := dpdkApp(t)
	a.SharedDir = filepath.Join(a.SharedDir, "absent") // root could write to any other
	for side, link := range map[netconf.Side]bool{entry("a").Config: true, vhost("b", netconf.VhostClient).Config: false} {
		path, err := a.reach(side)
		must(t, err)
		if (path != filepath.Join(a.SharedDir, side.Socket().Name)) != link {
			t.Errorf("%s: %s, a link: %t", side.IfType, path, link)
		}
	}
}

// TestReachForeignLink: a link or a directory of somebody else's is not followed.
func TestReachForeignLink(t *testing.T) {
	a := dpdkApp(t)
	a.SharedDir = filepath.Join(a.SharedDir, strings.Repeat("l", 100))
	must(t, os.Mkdir(a.SharedDir, 0o755))
	link, err := a.reach(entry("a").Config)
	must(t, err)
	must(t, os.Remove(link))
	must(t, os.Symlink("/elsewhere", link))
	if _, err := a.reach(entry("a").Config); err == nil || !strings.Contains(err.Error(), "is not our link") {
		t.Errorf("another link: %v", err)
	}
	must(t, os.Chmod(filepath.Dir(link), 0o777))
	if _, err := a.reach(entry("a").Config); err == nil || !strings.Contains(err.Error(), "alone") {
		t.Errorf("a directory of everybody's: %v", err)
	}
}

// TestReachName: a socket stays in the shared directory.
func TestReachName(t *testing.T) {
	a := dpdkApp(t)
	for _, name := range []string{"", ".", "..", "../s", "/s", "a/b"} {
		side := entry("a").Config
		side.Memif.SocketFile = name
		if path, err := a.reach(side); err == nil || !strings.Contains(err.Error(), "socketfile") {
			t.Errorf("%q: %q, %v", name, path, err)
		}
	}
}

// TestReachAbandoned: the socket that an application left is removed, and nothing
// else is.
func TestReachAbandoned(t *testing.T) {
	a := dpdkApp(t)
	var logged bytes.Buffer
	a.Log = slog.New(slog.NewTextHandler(&logged, nil))
	side := entry("a").Config
	side.Memif.Role = netconf.RoleMaster
	path := filepath.Join(a.SharedDir, side.Memif.SocketFile)
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	must(t, err)
	listener.SetUnlinkOnClose(false)
	_, err = a.reach(side)
	must(t, err)
	if _, err := os.Lstat(path); err != nil || !strings.Contains(logged.String(), "an application listens") {
		t.Errorf("somebody listens: %v; logged %q", err, &logged)
	}
	must(t, listener.Close())
	_, err = a.reach(side)
	must(t, err)
	if _, err := os.Lstat(path); !os.IsNotExist(err) {
		t.Errorf("the abandoned socket: %v", err)
	}
	must(t, os.WriteFile(path, nil, 0o600))
	if _, err := a.reach(side); err == nil || !strings.Contains(err.Error(), "is not a socket") {
		t.Errorf("a file: %v", err)
	}
}
