package state

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// Cache is the Store in a directory for a program that lists it again and again:
// a record that hasn't been replaced isn't read again. What List returns is the
// same each time, and not to be changed.
type Cache struct {
	Files
	mu   sync.Mutex // guards seen
	seen map[string]cached
}

var _ Store = (*Cache)(nil)

// cached is what was read of a file, or why it can't be, and which file it was.
type cached struct {
	file   fs.FileInfo
	record *Record
	err    error
}

// isOf tells whether it is that file, as it is now: the plugin replaces records,
// a person may change one.
func (c cached) isOf(file fs.FileInfo) bool {
	return c.file != nil && os.SameFile(c.file, file) && c.file.ModTime().Equal(file.ModTime()) && c.file.Size() == file.Size()
}

// List implements Store.
func (c *Cache) List() ([]*Record, []error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	keys, err := c.keys()
	if err != nil {
		return nil, []error{fmt.Errorf("list records: %w", err)}
	}
	var all []*Record
	var failed []error
	now := make(map[string]cached, len(keys))
	for _, key := range keys {
		file, err := os.Stat(c.record(key))
		if errors.Is(err, fs.ErrNotExist) { // deleted meanwhile
			continue
		}
		one := c.seen[key]
		if err != nil || !one.isOf(file) {
			one = cached{file: file}
			one.record, one.err = c.byKey(key)
		}
		switch {
		case one.err == nil:
			all = append(all, one.record)
		case errors.Is(one.err, ErrNotFound):
			continue
		default:
			failed = append(failed, one.err)
		}
		now[key] = one
	}
	c.seen = now
	return all, failed
}

// keys are those of all records.
func (f Files) keys() ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(f.Dir, "records"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var keys []string
	for _, entry := range entries {
		if key, ok := strings.CutSuffix(entry.Name(), recordSuffix); ok { // else a draft
			keys = append(keys, key)
		}
	}
	return keys, err
}
