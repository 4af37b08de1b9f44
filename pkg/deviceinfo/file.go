package deviceinfo

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// Dir is where the files are (specification, 4.2). Nothing else of the
// directory's parents is ours: those of device plugins are beside it, in dp.
const Dir = "/var/run/k8s.cni.cncf.io/devinfo/cni"

// dirs are the names of Dir: /var/run is /run on the systems of today.
var dirs = []string{Dir, "/run/k8s.cni.cncf.io/devinfo/cni"}

const (
	dirMode  = 0o755
	fileMode = 0o644
	// maxName leaves room for a draft's name (NAME_MAX is 255).
	maxName = 250
	// maxSize is more than any file of ours has.
	maxSize = 64 << 10
)

// Allowed says for people what Valid takes.
const Allowed = "the path of a file in " + Dir + ", or the same in /run: a name of printable characters, not beginning with a dot, of at most 250 bytes"

// Valid tells whether path may be one of these files. Whoever writes a network
// can name a path there, and root writes to it.
func Valid(path string) bool {
	dir, name := filepath.Split(path)
	return slices.Contains(dirs, strings.TrimSuffix(dir, "/")) && filepath.Clean(path) == path &&
		name != "" && len(name) <= maxName && name[0] != '.' &&
		!strings.ContainsFunc(name, func(c rune) bool { return c < ' ' || c > '~' })
}

// Write makes the file's content what is given, whole or not at all, and
// whatever stood there: a device plugin's information, which the runtime has
// copied, or that of an earlier call. A link is replaced, not followed. A
// content that is there already isn't written again.
func Write(path string, content []byte) error {
	if Is(path, content) {
		return nil
	}
	root, name, err := open(path, makeDirs)
	if err != nil {
		return fmt.Errorf("device information: %w", err)
	}
	defer root.Close()
	if err := write(root, name, content); err != nil {
		_ = root.Remove(draft(name)) // it may not be there
		return fmt.Errorf("device information %s: %w", path, err)
	}
	return nil
}

// draft is the name of a file that is being written; no valid one begins so.
func draft(name string) string { return "." + name + ".tmp" }

func write(root *os.Root, name string, content []byte) error {
	if err := removeIn(root, draft(name)); err != nil {
		return err
	}
	file, err := root.OpenFile(draft(name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	if err := errors.Join(err, file.Chmod(fileMode), file.Close()); err != nil { // whatever the umask is
		return err
	}
	return root.Rename(draft(name), name)
}

// Is tells whether the file has this content.
func Is(path string, content []byte) bool {
	root, name, err := open(path, nil)
	if err != nil {
		return false
	}
	defer root.Close()
	return is(root, name, content)
}

func is(root *os.Root, name string, content []byte) bool {
	info, err := root.Lstat(name)
	if err != nil || !info.Mode().IsRegular() {
		return false
	}
	file, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return false
	}
	defer file.Close()
	got, err := io.ReadAll(io.LimitReader(file, maxSize))
	return err == nil && bytes.Equal(got, content)
}

// Remove takes the file away if it has this content, and what a killed Write
// has left. Another content is somebody else's by now. What is gone already is
// no error.
func Remove(path string, content []byte) error {
	root, name, err := open(path, nil)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("device information: %w", err)
	}
	defer root.Close()
	failed := []error{removeIn(root, draft(name))}
	if is(root, name, content) {
		failed = append(failed, removeIn(root, name))
	}
	if err := errors.Join(failed...); err != nil {
		return fmt.Errorf("remove device information %s: %w", path, err)
	}
	return nil
}

func removeIn(root *os.Root, name string) error {
	if err := root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// open opens the directory of a valid path, after prepare has seen to it.
func open(path string, prepare func(dir string) error) (root *os.Root, name string, err error) {
	if !Valid(path) {
		return nil, "", fmt.Errorf("%q is not allowed; allowed: %s", path, Allowed)
	}
	dir, name := filepath.Split(path)
	if prepare != nil {
		if err := prepare(filepath.Clean(dir)); err != nil {
			return nil, "", err
		}
	}
	root, err = os.OpenRoot(dir)
	return root, name, err
}

// makeDirs makes what is missing of a directory, open for everybody to read
// whatever the umask is. (The client library makes it without any permission.)
func makeDirs(dir string) error {
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := makeDirs(filepath.Dir(dir)); err != nil {
		return err
	}
	err := os.Mkdir(dir, dirMode)
	if errors.Is(err, fs.ErrExist) { // another call was faster
		return nil
	}
	if err != nil {
		return err
	}
	return os.Chmod(dir, dirMode)
}
