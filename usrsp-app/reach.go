package usrspapp

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/userspace-cni/userspace-cni/pkg/netconf"
)

// reach is where a DPDK application finds the endpoint's socket, and makes it so.
// A socket that the application makes, and that an earlier one left behind, is
// removed: DPDK would refuse to start. One that it can't reach by its own path is
// reached through a link.
func (a *App) reach(side netconf.Side) (string, error) {
	socket := side.Socket()
	if socket.Abstract {
		return socket.Name, nil
	}
	if socket.Name == "" || socket.Name == "." || socket.Name == ".." || socket.Name != filepath.Base(socket.Name) {
		return "", fmt.Errorf("socketfile %.64q is not allowed; allowed: a file name without a path", socket.Name)
	}
	path := filepath.Join(a.SharedDir, socket.Name)
	switch {
	case socket.Listens && len(path) > maxPath:
		return "", fmt.Errorf("the path of the socket has %d bytes, and a Unix socket's at most %d: mount the shared directory at a shorter path than %s",
			len(path), maxPath, a.SharedDir)
	case socket.Listens:
		return path, a.removeAbandoned(path)
	case len(path) > maxPath || side.IfType == netconf.IfTypeMemif && !mayWrite(a.SharedDir):
		return linkTo(path)
	}
	return path, nil
}

// mayWrite tells whether new files can be made in a directory. DPDK's memif
// driver asks that of the socket's directory even where it only connects
// (memif_check_socket_filename in drivers/net/memif/rte_eth_memif.c); ours
// belongs to root, and pods should mount it read-only.
func mayWrite(dir string) bool {
	return unix.Faccessat(unix.AT_FDCWD, dir, unix.R_OK|unix.W_OK, unix.AT_EACCESS) == nil
}

// linkTo makes a short symbolic link to a path, in a directory of our user's own,
// and returns the link's path.
func linkTo(path string) (string, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	dir := filepath.Join(os.TempDir(), fmt.Sprintf("usrsp-app-%d", os.Geteuid()))
	if err := ownDir(dir); err != nil {
		return "", fmt.Errorf("a directory for a link to %s: %w (TMPDIR may name another place)", path, err)
	}
	hash := sha256.Sum256([]byte(absolute))
	link := filepath.Join(dir, hex.EncodeToString(hash[:6]))
	if err := os.Symlink(absolute, link); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", err
	}
	if target, err := os.Readlink(link); err != nil || target != absolute {
		return "", fmt.Errorf("%s is not our link to %s: remove it", link, absolute)
	}
	return link, nil
}

// ownDir makes a directory that nobody else can write to, or finds it.
func ownDir(dir string) error {
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || !info.IsDir() || int(stat.Uid) != os.Geteuid() || info.Mode().Perm()&0o022 != 0 {
		return fmt.Errorf("%s is not a directory of user %d alone: remove it", dir, os.Geteuid())
	}
	return nil
}

// removeAbandoned removes a socket that nobody listens on. One that is in use is
// left: whoever asks may be another than the application.
func (a *App) removeAbandoned(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode().Type() != fs.ModeSocket:
		return fmt.Errorf("%s is not a socket (%s), and the application has to make one there: remove it", path, info.Mode())
	}
	abandoned, err := isAbandoned(path)
	if err != nil {
		return err
	}
	if !abandoned {
		a.Log.Warn("an application listens on the socket already: a second one won't start", "socket", path)
		return nil
	}
	return os.Remove(path)
}

// isAbandoned tells whether nobody has a socket open at a path. Whoever has is not
// disturbed: a datagram socket can't connect to what listens.
func isAbandoned(path string) (bool, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return false, err
	}
	defer unix.Close(fd)
	return errors.Is(unix.Connect(fd, &unix.SockaddrUnix{Name: path}), unix.ECONNREFUSED), nil
}
