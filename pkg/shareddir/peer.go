package shareddir

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
)

// RemovePeers takes sockets away that the pod makes, where the host's end is the
// one that connects, even if the pod still listens: in a directory of ours
// nobody else would. In a volume of the pod's they are left to it, and only the
// link by which we reached them goes.
func (d Dir) RemovePeers(names ...string) error {
	failed := []error{d.removeLink()}
	if d.Volume {
		return errors.Join(failed...)
	}
	root, err := d.open()
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, ErrNotOurs) {
		return errors.Join(failed...)
	}
	if err != nil {
		return errors.Join(append(failed, err)...)
	}
	defer root.Close()
	for _, name := range names {
		info, err := root.Lstat(name)
		if err == nil && info.Mode().Type() == fs.ModeSocket {
			err = root.Remove(name)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			failed = append(failed, fmt.Errorf("remove %s: %w", filepath.Join(d.Path, name), err))
		}
	}
	return errors.Join(failed...)
}
