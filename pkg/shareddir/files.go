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
// the given mode.
func (d Dir) WriteFile(name string, data []byte, mode fs.FileMode) error {
	root, err := d.open()
	if err != nil {
		return err
	}
	defer root.Close()
	if err := writeFile(root, name, data, mode); err != nil {
		_ = root.Remove(name + draftSuffix) // it may not be there
		return fmt.Errorf("write %s: %w", filepath.Join(d.Path, name), err)
	}
	return nil
}

func writeFile(root *os.Root, name string, data []byte, mode fs.FileMode) error {
	draft := name + draftSuffix
	if err := root.Remove(draft); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	file, err := root.OpenFile(draft, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	if err := errors.Join(err, file.Chmod(mode), file.Close()); err != nil {
		return err
	}
	return root.Rename(draft, name)
}
