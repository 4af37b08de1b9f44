package state

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/userspace-cni/userspace-cni/pkg/deviceinfo"
)

// DefaultDir is where records are kept.
const DefaultDir = "/run/userspace-cni"

// dirMode lets everyone pass through the directory and only root look into it.
const dirMode = 0o711

// Files is the Store in a directory: records/KEY.json, and for each reserved
// number a symbolic link numbers/NUMBER to the key that has it: making a link
// fails when it exists, and it is never there without its content.
type Files struct{ Dir string }

var _ Store = Files{}

func (f Files) record(key string) string { return filepath.Join(f.Dir, "records", key+".json") }
func (f Files) numbers() string          { return filepath.Join(f.Dir, "numbers") }
func (f Files) number(n uint32) string {
	return filepath.Join(f.numbers(), strconv.FormatUint(uint64(n), 10))
}

// makeDir makes one of the store's directories, for root alone. The way to it
// stays open: VPP, which need not be root, follows the links beside it.
func (f Files) makeDir(name string) error {
	if err := os.MkdirAll(f.Dir, dirMode); err != nil {
		return err
	}
	return os.MkdirAll(filepath.Join(f.Dir, name), 0o700)
}

// Get implements Store.
func (f Files) Get(a Attachment) (*Record, error) {
	data, err := os.ReadFile(f.record(a.Key()))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("read record: %w", err)
	}
	var r Record
	if err := json.Unmarshal(data, &r); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrDamaged, f.record(a.Key()), err)
	}
	if r.Version != Version {
		return nil, fmt.Errorf("%w: %s: version %d, this program reads version %d", ErrDamaged, f.record(a.Key()), r.Version, Version)
	}
	if r.Attachment != a {
		return nil, fmt.Errorf("%w: %s: it is about %+q", ErrDamaged, f.record(a.Key()), r.Attachment)
	}
	if err := r.check(); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrDamaged, f.record(a.Key()), err)
	}
	return &r, nil
}

// check refuses what would lead out of the attachment's directory: what a record
// names is removed.
func (r *Record) check() error {
	if r.Dir != "" && (!filepath.IsAbs(r.Dir) || filepath.Clean(r.Dir) == "/") {
		return fmt.Errorf("dir %q is not an absolute path below /", r.Dir)
	}
	for _, name := range r.Files {
		if name == "" || !isBare(name) {
			return fmt.Errorf("%q in files is not a file's name", name)
		}
	}
	if r.DeviceInfo != nil && !deviceinfo.Valid(r.DeviceInfo.Path) {
		return fmt.Errorf("deviceInfo.path %q is not that of such a file", r.DeviceInfo.Path)
	}
	if !isBare(r.Listening) {
		return fmt.Errorf("listening %q is not a file's name", r.Listening)
	}
	return nil
}

func isBare(name string) bool {
	return name != "." && name != ".." && !strings.ContainsAny(name, "/\x00")
}

// Put implements Store.
func (f Files) Put(r *Record) error {
	r.Version = Version
	data, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("write record: %w", err)
	}
	path := f.record(r.Key())
	if err := f.makeDir("records"); err != nil {
		return fmt.Errorf("write record: %w", err)
	}
	if err := replace(path, data); err != nil {
		return fmt.Errorf("write record: %w", err)
	}
	return nil
}

// draftSuffix marks a file that is being written.
const draftSuffix = ".tmp"

// replace writes a file so that it has its old or its new content, whenever the
// process is killed. There is no fsync to wait for: the directory is on tmpfs.
func replace(path string, data []byte) error {
	draft := path + draftSuffix
	if err := os.WriteFile(draft, data, 0o600); err != nil {
		return errors.Join(err, remove(draft))
	}
	if err := os.Rename(draft, path); err != nil {
		return errors.Join(err, remove(draft))
	}
	return nil
}

// Reserve implements Store. The record is written before the number is taken:
// a call that is killed in between leaves a record of a number that it doesn't
// have, never a number without a record.
func (f Files) Reserve(r *Record, start uint32, describe func(number uint32) error) error {
	if err := f.makeDir("numbers"); err != nil {
		return fmt.Errorf("reserve a number: %w", err)
	}
	earlier, err := f.Get(r.Attachment)
	if errors.Is(err, ErrNotFound) {
		earlier, err = &Record{}, nil
	}
	if err != nil {
		return fmt.Errorf("reserve a number: %w", err)
	}
	tried := r.Numbers
	for n := start; n != 0; n++ {
		if slices.Contains(tried, n) || !f.free(n, r.Key()) {
			continue
		}
		r.Numbers = endingWith(n, tried, earlier.Numbers)
		if err := describe(n); err != nil {
			return err
		}
		if err := f.Put(r); err != nil {
			return err
		}
		taken, err := f.take(n, r.Key())
		if err != nil {
			return fmt.Errorf("reserve a number: %w", err)
		}
		if taken {
			return nil
		}
	}
	return fmt.Errorf("reserve a number: none is free from %d on", start)
}

// endingWith is all numbers once, the given one last. Those that an earlier
// record has stay in the new one, or Delete wouldn't find them.
func endingWith(last uint32, lists ...[]uint32) []uint32 {
	var all []uint32
	for _, n := range slices.Concat(lists...) {
		if n != last && !slices.Contains(all, n) {
			all = append(all, n)
		}
	}
	return append(all, last)
}

// free tells whether nobody but the given key has the number, as far as can be
// seen without taking it.
func (f Files) free(n uint32, key string) bool {
	owner, err := os.Readlink(f.number(n))
	return errors.Is(err, fs.ErrNotExist) || err == nil && owner == key
}

// take makes the number the key's, unless it is another's.
func (f Files) take(n uint32, key string) (taken bool, err error) {
	for {
		err := os.Symlink(key, f.number(n))
		if !errors.Is(err, fs.ErrExist) {
			return err == nil, err
		}
		owner, err := os.Readlink(f.number(n))
		if errors.Is(err, fs.ErrNotExist) {
			continue // its owner has just given it back
		}
		return err == nil && owner == key, nil
	}
}

// Delete implements Store. The record goes last: as long as it is there, a
// call that was killed here can be repeated.
func (f Files) Delete(a Attachment) error {
	numbers, err := f.numbersOf(a)
	if err != nil {
		return fmt.Errorf("delete record: %w", err)
	}
	for _, n := range numbers {
		if owner, _ := os.Readlink(f.number(n)); owner != a.Key() {
			continue
		}
		if err := remove(f.number(n)); err != nil {
			return fmt.Errorf("delete record: %w", err)
		}
	}
	path := f.record(a.Key())
	if err := errors.Join(remove(path+draftSuffix), remove(path)); err != nil {
		return fmt.Errorf("delete record: %w", err)
	}
	return nil
}

// numbersOf takes the attachment's numbers from its record, or from the links
// where the record is damaged or lost.
func (f Files) numbersOf(a Attachment) ([]uint32, error) {
	r, err := f.Get(a)
	switch {
	case err == nil:
		return r.Numbers, nil
	case !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrNotFound):
		return nil, err
	}
	entries, err := os.ReadDir(f.numbers())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var all []uint32
	for _, entry := range entries {
		if n, err := strconv.ParseUint(entry.Name(), 10, 32); err == nil {
			all = append(all, uint32(n))
		}
	}
	return all, nil
}

func remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
