package state

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// LinksDir is where short links to shared directories are, in a directory of
// records.
func LinksDir(dir string) string { return filepath.Join(dir, "d") }

// Clear removes all that the plugin keeps in a directory of records, for good.
// The directory stays, with what somebody else has in it.
func Clear(dir string) error {
	journal := Journal{Dir: dir}
	failed := []error{
		remove(journal.path()), remove(journal.aside()),
		clearDir(filepath.Join(dir, "records"), isRecord),
		clearDir(filepath.Join(dir, "numbers"), isLink),
		clearDir(LinksDir(dir), isLink),
		clearNames(filepath.Join(dir, "names")),
		remove(filepath.Join(dir, "lock")), // last: who comes now makes another one
	}
	return errors.Join(failed...)
}

func clearNames(dir string) error {
	kinds, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, kind := range kinds {
		if kind.IsDir() {
			err = errors.Join(err, clearDir(filepath.Join(dir, kind.Name()), isLink))
		}
	}
	return errors.Join(err, removeEmpty(dir))
}

// clearDir removes what is ours of a directory, and the directory when that was all.
func clearDir(dir string, ours func(fs.DirEntry) bool) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, entry := range entries {
		if ours(entry) {
			err = errors.Join(err, remove(filepath.Join(dir, entry.Name())))
		}
	}
	return errors.Join(err, removeEmpty(dir))
}

func removeEmpty(dir string) error {
	err := remove(dir)
	if errors.Is(err, fs.ErrExist) { // which ENOTEMPTY is
		return nil
	}
	return err
}

func isLink(entry fs.DirEntry) bool { return entry.Type()&fs.ModeSymlink != 0 }

// isRecord tells whether it is a record or the beginning of one.
func isRecord(entry fs.DirEntry) bool {
	key, ok := strings.CutSuffix(strings.TrimSuffix(entry.Name(), draftSuffix), recordSuffix)
	return ok && IsKey(key) && entry.Type().IsRegular()
}
