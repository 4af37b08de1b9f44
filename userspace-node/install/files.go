package install

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

const (
	dirMode        fs.FileMode = 0o755
	programMode    fs.FileMode = 0o755
	kubeconfigMode fs.FileMode = 0o600
)

// replace puts content at a path in one step: whoever opens it gets all of the
// old or all of the new, and a program that runs goes on. It returns what is there
// then, unless somebody has changed it since.
func replace(path string, content []byte, mode fs.FileMode) (fs.FileInfo, error) {
	return replaceFrom(path, bytes.NewReader(content), mode)
}

func replaceByCopy(path, from string, mode fs.FileMode) (fs.FileInfo, error) {
	file, err := os.Open(from)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return replaceFrom(path, file, mode)
}

func replaceFrom(path string, from io.Reader, mode fs.FileMode) (info fs.FileInfo, err error) {
	draft, err := os.CreateTemp(filepath.Dir(path), draftPrefix(path)+"*")
	if err != nil {
		return nil, about(path, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(about(path, err), os.Remove(draft.Name()))
		}
	}()
	_, err = io.Copy(draft, from)
	// On disk before it has the name: after a crash of the node the plugin is
	// there before anybody repairs it.
	err = errors.Join(err, draft.Chmod(mode), draft.Sync())
	info, unknown := draft.Stat()
	if err = errors.Join(err, unknown, draft.Close()); err != nil {
		return nil, err
	}
	return info, os.Rename(draft.Name(), path)
}

// about has an error name the file that is replaced, not the draft: its name is
// another each time, and nobody shall read of the same failure again and again.
func about(path string, err error) error {
	var file *fs.PathError
	var link *os.LinkError
	switch {
	case errors.As(err, &file) && strings.HasPrefix(file.Path, filepath.Join(filepath.Dir(path), draftPrefix(path))):
		return &fs.PathError{Op: file.Op, Path: path, Err: file.Err}
	case errors.As(err, &link):
		return &fs.PathError{Op: "replace", Path: path, Err: link.Err}
	}
	return err
}

// draftPrefix begins the names of what a killed installer leaves. CNI looks for
// plugins by their names, and never finds these.
func draftPrefix(path string) string { return "." + filepath.Base(path) + "-" }

func removeDrafts(path string) error {
	entries, err := os.ReadDir(filepath.Dir(path))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, entry := range entries {
		if isDraft(entry, path) {
			err = errors.Join(err, os.Remove(filepath.Join(filepath.Dir(path), entry.Name())))
		}
	}
	return err
}

// isDraft tells whether os.CreateTemp has made it; others may have names that begin
// the same.
func isDraft(entry fs.DirEntry, path string) bool {
	number, ok := strings.CutPrefix(entry.Name(), draftPrefix(path))
	return ok && number != "" && strings.Trim(number, "0123456789") == "" && entry.Type().IsRegular()
}

// unchanged tells whether a file is the one that was seen, as far as that shows
// without reading it.
func unchanged(seen, now fs.FileInfo) bool {
	return os.SameFile(seen, now) && seen.Mode() == now.Mode() && seen.Size() == now.Size() && seen.ModTime().Equal(now.ModTime())
}

// has tells whether a path has this content and mode.
func has(path string, content []byte, mode fs.FileMode) (bool, error) {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil || info.Mode() != mode {
		return false, err
	}
	there, err := os.ReadFile(path)
	return bytes.Equal(there, content), err
}

// sameContent compares two files.
func sameContent(one, other string) (bool, error) {
	a, err := os.Open(one)
	if err != nil {
		return false, err
	}
	defer a.Close()
	b, err := os.Open(other)
	if err != nil {
		return false, err
	}
	defer b.Close()
	const chunk = 1 << 16
	left, right := make([]byte, chunk), make([]byte, chunk)
	for {
		n, errA := io.ReadFull(a, left)
		m, errB := io.ReadFull(b, right)
		if !bytes.Equal(left[:n], right[:m]) {
			return false, nil
		}
		if isEnd(errA) && isEnd(errB) {
			return true, nil
		}
		if err := errors.Join(unlessEnd(errA), unlessEnd(errB)); err != nil {
			return false, err
		}
	}
}

func isEnd(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

func unlessEnd(err error) error {
	if isEnd(err) {
		return nil
	}
	return err
}
