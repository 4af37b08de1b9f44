package state

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
)

// Names are the numbers that stand for what attachments share, such as a named
// bridge: names/KIND/NUMBER is a symbolic link to the name's hash. A number
// stays the name's until the machine is started again; nothing is ever taken
// back, so a search that starts at the same place finds it again.
type Names struct{ Dir string }

// taken is what a number leads to that turned out to be somebody else's.
const taken = "-"

// Number returns the name's number of that kind: the first from start to last
// that is its own or nobody's.
func (n Names) Number(kind, name string, start, last uint32) (uint32, error) {
	dir := filepath.Join(n.Dir, "names", kind)
	if err := os.MkdirAll(n.Dir, dirMode); err != nil {
		return 0, fmt.Errorf("number for %s %q: %w", kind, name, err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return 0, fmt.Errorf("number for %s %q: %w", kind, name, err)
	}
	hash := sha256.Sum256([]byte(name))
	own := hex.EncodeToString(hash[:])
	for number := start; number <= last; number++ {
		path := filepath.Join(dir, strconv.FormatUint(uint64(number), 10))
		err := os.Symlink(own, path)
		if err == nil {
			return number, nil
		}
		if !errors.Is(err, fs.ErrExist) {
			return 0, fmt.Errorf("number for %s %q: %w", kind, name, err)
		}
		if owner, _ := os.Readlink(path); owner == own {
			return number, nil
		}
	}
	return 0, fmt.Errorf("number for %s %q: none is free from %d to %d", kind, name, start, last)
}

// Avoid marks a number as somebody else's.
func (n Names) Avoid(kind string, number uint32) error {
	path := filepath.Join(n.Dir, "names", kind, strconv.FormatUint(uint64(number), 10))
	draft := path + draftSuffix
	if err := remove(draft); err != nil {
		return fmt.Errorf("avoid %s %d: %w", kind, number, err)
	}
	if err := os.Symlink(taken, draft); err != nil {
		return fmt.Errorf("avoid %s %d: %w", kind, number, err)
	}
	if err := os.Rename(draft, path); err != nil {
		return fmt.Errorf("avoid %s %d: %w", kind, number, err)
	}
	return nil
}
