package shareddir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// draftSuffix marks a file that is being written.
const draftSuffix = ".tmp"

// WriteFile puts a file into the directory, whole or not at all, with exactly
// the given owner and mode.
func (d Dir) WriteFile(name string, data []byte, access Access) error {
	root, err := d.open()
	if err != nil {
		return err
	}
	defer root.Close()
	if err := writeFile(root, name, data, access); err != nil {
		_ = root.Remove(name + draftSuffix) // it may not be there
		return fmt.Errorf("write %s: %w", filepath.Join(d.Path, name), err)
	}
	return nil
}

func writeFile(root *os.Root, name string, data []byte, access Access) error {
	draft := name + draftSuffix
	if err := root.Remove(draft); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	file, err := root.OpenFile(draft, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	if err == nil && (access.UID != 0 || access.GID != 0) {
		err = file.Chown(access.UID, access.GID)
	}
	if err := errors.Join(err, file.Chmod(access.Mode), file.Close()); err != nil {
		return err
	}
	return root.Rename(draft, name)
}
