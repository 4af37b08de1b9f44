package state

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/userspace-cni/userspace-cni/pkg/internal/access"
)

// recordSuffix ends the name of a record's file; before it stands the key.
const recordSuffix = ".json"

// DamagedError is about a record that can't be read. It is an ErrDamaged.
type DamagedError struct {
	// Key is that of the attachment.
	Key string
	Err error
}

func (e *DamagedError) Error() string { return e.Err.Error() }
func (e *DamagedError) Unwrap() error { return e.Err }

// List implements Store.
func (f Files) List() ([]*Record, []error) {
	keys, err := f.keys()
	if err != nil {
		return nil, []error{fmt.Errorf("list records: %w", err)}
	}
	var all []*Record
	var failed []error
	for _, key := range keys {
		record, err := f.byKey(key)
		switch {
		case err == nil:
			all = append(all, record)
		case !errors.Is(err, ErrNotFound): // deleted meanwhile
			failed = append(failed, err)
		}
	}
	return all, failed
}

// byKey reads the record of that key. The attachment is the record's own word,
// and Get verifies it.
func (f Files) byKey(key string) (*Record, error) {
	data, err := os.ReadFile(f.record(key))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("read record: %w", err)
	}
	a, err := attachmentIn(data)
	if err != nil || a.Key() != key {
		return nil, &DamagedError{key, fmt.Errorf("%w: %s: it names no attachment of that key", ErrDamaged, f.record(key))}
	}
	record, err := f.Get(a)
	if errors.Is(err, ErrDamaged) {
		err = &DamagedError{key, err}
	}
	return record, err
}

// Writable implements Store.
func (f Files) Writable() error {
	for _, name := range []string{"records", "numbers", "names"} {
		if err := access.Writable(filepath.Join(f.Dir, name)); err != nil {
			return fmt.Errorf("records: %w", err)
		}
	}
	return nil
}

// Drafts implements Store.
func (f Files) Drafts() ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(f.Dir, "records"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("list records: %w", err)
	}
	var keys []string
	for _, entry := range entries {
		if key, ok := strings.CutSuffix(entry.Name(), ".json"+draftSuffix); ok {
			keys = append(keys, key)
		}
	}
	return keys, nil
}

// RemoveDraft implements Store.
func (f Files) RemoveDraft(key string) error { return remove(f.record(key) + draftSuffix) }
