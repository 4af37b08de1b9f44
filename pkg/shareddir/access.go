package shareddir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Access is who may use a file or a socket: the numbers of its owner and its
// group, and its permissions.
type Access struct {
	UID  int         `json:"uid"`
	GID  int         `json:"gid"`
	Mode fs.FileMode `json:"mode"`
}

// String is as ls prints it.
func (a Access) String() string { return fmt.Sprintf("%d:%d %s", a.UID, a.GID, a.Mode) }

// ErrNoSocket means that there is no socket where one should be.
var ErrNoSocket = errors.New("there is no socket")

// Grant gives a socket in the directory its owner, group and mode. What stands
// at its name is opened once, without following a link: whatever a pod puts
// there afterwards stays as it is.
func (d Dir) Grant(name string, access Access) error {
	socket, err := d.openSocket(name)
	if err != nil {
		return err
	}
	defer socket.Close()
	fd := int(socket.Fd())
	err = unix.Fchownat(fd, "", access.UID, access.GID, unix.AT_EMPTY_PATH)
	if err == nil {
		// A file that is opened as a path alone has no other way to chmod.
		err = os.Chmod(fmt.Sprintf("/proc/self/fd/%d", fd), access.Mode)
	}
	if err != nil {
		return fmt.Errorf("give %s to %s: %w", filepath.Join(d.Path, name), access, err)
	}
	return nil
}

// Admit lets the pod make sockets in the directory, which is ours otherwise: its
// owner and group are given it. A volume is the pod's as it is.
func (d Dir) Admit(access Access) error {
	if d.Volume || access.UID == 0 && access.GID == 0 {
		return nil
	}
	root, err := d.open()
	if err != nil {
		return err
	}
	defer root.Close()
	if err := root.Lchown(".", access.UID, access.GID); err != nil {
		return fmt.Errorf("give %s to %s: %w", d.Path, access, err)
	}
	if err := root.Chmod(".", admitMode); err != nil {
		return fmt.Errorf("let the pod write %s: %w", d.Path, err)
	}
	return nil
}

// admitMode lets owner and group write, too.
const admitMode = 0o775

// Granted is who may use a socket in the directory.
func (d Dir) Granted(name string) (Access, error) {
	socket, err := d.openSocket(name)
	if err != nil {
		return Access{}, err
	}
	defer socket.Close()
	var stat unix.Stat_t
	if err := unix.Fstat(int(socket.Fd()), &stat); err != nil {
		return Access{}, fmt.Errorf("look at %s: %w", filepath.Join(d.Path, name), err)
	}
	return Access{int(stat.Uid), int(stat.Gid), fs.FileMode(stat.Mode) & fs.ModePerm}, nil
}

// openSocket opens a socket as a path alone, which connects to nobody.
func (d Dir) openSocket(name string) (*os.File, error) {
	root, err := d.open()
	if err != nil {
		return nil, err
	}
	defer root.Close()
	return openSocket(root, filepath.Join(d.Path, name))
}

// openSocket opens the socket that has the path's last name in the directory.
func openSocket(root *os.Root, path string) (*os.File, error) {
	dir, err := root.Open(".")
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	fd, err := unix.Openat(int(dir.Fd()), filepath.Base(path), unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s", ErrNoSocket, path)
	}
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	socket := os.NewFile(uintptr(fd), path)
	if info, err := socket.Stat(); err != nil || info.Mode().Type() != fs.ModeSocket {
		return nil, errors.Join(fmt.Errorf("%w: %s is something else", ErrNoSocket, path), err, socket.Close())
	}
	return socket, nil
}
