package shareddir

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/userspace-cni/userspace-cni/pkg/vpppath"
)

// DefaultBase is where the directories are when the configuration names no
// other place.
const DefaultBase = "/var/lib/cni/usrspcni"

// Dir is the directory that one sandbox shares with the host.
type Dir struct {
	// Path is the directory itself.
	Path string
	// Link is a symbolic link to Path that is fit for sockets; empty where Path
	// itself is.
	Link string
	// Volume says that the directory is a volume of the pod's (see InVolume): its
	// mode stays as it is, and it is never removed.
	Volume bool
	// mayMake allows Create to make a volume that is missing.
	mayMake bool
}

// At is the directory at path. If the path of a socket called name would not be
// fit for VPP there, it is reached through a link in links. The link is that socket's
// own: the networks that share a directory come and go in any order.
func At(path, links, name string) Dir {
	d := Dir{Path: filepath.Clean(path)}
	socket := filepath.Join(d.Path, name)
	if len(socket) > vpppath.MaxSocket || !vpppath.IsPath(socket) {
		hash := sha256.Sum256([]byte(socket))
		d.Link = filepath.Join(links, hex.EncodeToString(hash[:6]))
	}
	return d
}

// Socket is the path under which a socket of that name can be bound.
func (d Dir) Socket(name string) string {
	if d.Link != "" {
		return filepath.Join(d.Link, name)
	}
	return filepath.Join(d.Path, name)
}

// dirMode lets everyone pass through and only root write.
const dirMode = 0o755

// Create makes the directory, traversable by everyone and writable by root,
// and the link to it. A volume is left as it is where it exists.
func (d Dir) Create() error {
	if d.Volume {
		return d.findVolume()
	}
	if err := os.MkdirAll(filepath.Dir(d.Path), dirMode); err != nil {
		return fmt.Errorf("create shared directory: %w", err)
	}
	if err := os.Mkdir(d.Path, dirMode); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("create shared directory: %w", err)
	}
	root, err := d.open()
	if err != nil {
		return err
	}
	defer root.Close()
	if err := openUp(root); err != nil {
		return fmt.Errorf("create shared directory: %w", err)
	}
	return d.EnsureLink()
}

// openUp lets everyone pass through a directory, whatever the umask is. What else
// it lets do stays: see Admit.
func openUp(root *os.Root) error {
	info, err := root.Stat(".")
	if err != nil {
		return err
	}
	return root.Chmod(".", info.Mode().Perm()|dirMode)
}

// ErrNotOurs means that something else stands where the shared directory should.
var ErrNotOurs = errors.New("is not a directory")

// open opens the directory itself: not what a symbolic link in its place leads
// to, and without waiting for the other end of a FIFO ("/.").
func (d Dir) open() (*os.Root, error) {
	root, err := os.OpenRoot(d.Path + "/.")
	if errors.Is(err, syscall.ENOTDIR) || errors.Is(err, syscall.ELOOP) {
		err = ErrNotOurs
	}
	if err != nil {
		return nil, fmt.Errorf("shared directory %s: %w", d.Path, err)
	}
	named, err := os.Lstat(d.Path)
	if err == nil {
		var opened fs.FileInfo
		if opened, err = root.Stat("."); err == nil && !os.SameFile(named, opened) {
			err = ErrNotOurs
		}
	}
	if err != nil {
		root.Close()
		return nil, fmt.Errorf("shared directory %s: %w", d.Path, err)
	}
	return root, nil
}

// EnsureLink makes the link, where one is needed.
func (d Dir) EnsureLink() error {
	if d.Link == "" {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(d.Link), 0o711); err != nil {
		return fmt.Errorf("create link to shared directory: %w", err)
	}
	err := os.Symlink(d.Path, d.Link)
	if errors.Is(err, fs.ErrExist) {
		if target, _ := os.Readlink(d.Link); target != d.Path {
			return fmt.Errorf("create link to shared directory: %s leads to %q, not to %s", d.Link, target, d.Path)
		}
		return nil
	}
	if err != nil {
		return fmt.Errorf("create link to shared directory: %w", err)
	}
	return nil
}

// Remove takes files of ours away, the link, and with the last of all networks'
// files the directory, unless it is a volume. What is gone already is no error. What can't be ours is
// left where it is: anything but a file or a socket, and a socket that somebody
// still listens on (VPP has closed ours by now; that one belongs to another
// network that was given the same name).
//
// The calls that make and remove one directory must not overlap: their callers
// hold a lock.
func (d Dir) Remove(names ...string) error {
	root, err := d.open()
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, ErrNotOurs) {
		return d.removeLink()
	}
	if err != nil {
		return err
	}
	defer root.Close()
	var failed []error
	inUse := false
	for _, name := range names {
		for _, file := range []string{name, name + draftSuffix} {
			left, err := remove(root, file)
			inUse = inUse || left
			if err != nil {
				failed = append(failed, fmt.Errorf("remove %s: %w", filepath.Join(d.Path, file), err))
			}
		}
	}
	if !inUse {
		failed = append(failed, d.removeLink())
	}
	return errors.Join(append(failed, d.removeEmpty())...)
}

// remove takes one file away, unless it can't be ours.
func remove(root *os.Root, name string) (inUse bool, err error) {
	info, err := root.Lstat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err != nil:
		return false, err
	case info.Mode().Type() == fs.ModeSocket && !soonAbandoned(root, name):
		return true, nil
	case info.Mode().Type() != fs.ModeSocket && !info.Mode().IsRegular():
		return false, nil
	}
	if err := root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	return false, nil
}

// removeEmpty removes the directory when nothing is in it any more.
func (d Dir) removeEmpty() error {
	if d.Volume {
		return nil
	}
	err := syscall.Rmdir(d.Path)
	switch {
	case err == nil, errors.Is(err, fs.ErrNotExist):
		return nil
	case errors.Is(err, syscall.ENOTEMPTY), errors.Is(err, syscall.EEXIST), errors.Is(err, syscall.EBUSY):
		return nil // another network's files, or the pod's
	case errors.Is(err, syscall.ENOTDIR):
		return nil // swapped for something that isn't ours
	}
	return fmt.Errorf("remove shared directory %s: %w", d.Path, err)
}

func (d Dir) removeLink() error {
	if d.Link == "" {
		return nil
	}
	if err := os.Remove(d.Link); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove link to shared directory: %w", err)
	}
	return nil
}
