package state

import (
	"errors"
	"os"
	"path/filepath"
)

// LinksDir is where short links to shared directories are, in a directory of
// records.
func LinksDir(dir string) string { return filepath.Join(dir, "d") }

// Clear removes all that the plugin keeps in a directory of records, for good.
// The directory stays, with what somebody else has in it.
func Clear(dir string) error {
	journal := Journal{Dir: dir}
	all := []string{LinksDir(dir), journal.path(), journal.aside()}
	for _, name := range []string{"records", "numbers", "names", "lock"} {
		all = append(all, filepath.Join(dir, name))
	}
	var failed []error
	for _, path := range all {
		failed = append(failed, os.RemoveAll(path))
	}
	return errors.Join(failed...)
}
