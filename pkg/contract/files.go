package contract

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/userspace-cni/userspace-cni/pkg/state"
)

const (
	filePrefix = "configData-"
	fileSuffix = ".json"

	// maxFile bounds what is read of one file: the directory may be writable to
	// others.
	maxFile = 1 << 20
	// maxFiles bounds how many are read; a pod has some ten networks.
	maxFiles = 1024
)

// FileName is the name of the attachment's entry in the shared directory. The
// key keeps networks apart that share container ID and interface name.
func FileName(a state.Attachment) string {
	return filePrefix + a.ShortID() + "-" + a.IfName + "-" + a.Key()[:12] + fileSuffix
}

// ReadDir reads all entries in a shared directory, in the order in which their
// networks were attached. Entries that can't be read are reported together,
// beside those that can; so are those about the attachment of an earlier one.
func ReadDir(dir string) ([]Entry, error) {
	root, err := os.OpenRoot(dir + "/.") // doesn't wait for the other end of a FIFO
	if err != nil {
		return nil, err
	}
	defer root.Close()
	names, err := entryNames(root)
	if err != nil {
		return nil, err
	}
	var all []Entry
	var failed []error
	if len(names) > maxFiles {
		names, failed = names[:maxFiles], append(failed, fmt.Errorf("%s has more than %d contract files: the rest is left out", dir, maxFiles))
	}
	for _, name := range names {
		if !isPrintable(name) {
			failed = append(failed, fmt.Errorf("%s: %q is not the name of a contract file", dir, name))
			continue
		}
		entry, err := readEntry(root, name)
		if errors.Is(err, fs.ErrNotExist) { // removed meanwhile
			continue
		}
		if err == nil {
			err = unlike(entry, all)
		}
		if err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", filepath.Join(dir, name), err))
			continue
		}
		all = append(all, entry)
	}
	Sort(all)
	return all, errors.Join(failed...)
}

// Fingerprint is another text whenever what ReadDir would return may have
// changed. It opens no file.
func Fingerprint(dir string) string {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err.Error()
	}
	defer root.Close()
	names, err := entryNames(root)
	if err != nil {
		return err.Error()
	}
	var all strings.Builder
	for _, name := range names {
		info, err := root.Lstat(name)
		if err != nil {
			fmt.Fprintln(&all, name, err)
			continue
		}
		fmt.Fprintln(&all, name, Stamp(info))
	}
	return all.String()
}

// Stamp is another text whenever the file has been written or exchanged.
func Stamp(info fs.FileInfo) string {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return fmt.Sprint(info.Size(), info.ModTime())
	}
	return fmt.Sprint(stat.Dev, stat.Ino, stat.Size, stat.Mtim, stat.Ctim)
}

// Sort orders entries as their networks were attached.
func Sort(all []Entry) {
	slices.SortStableFunc(all, func(a, b Entry) int {
		if order := a.Created.Compare(b.Created); order != 0 {
			return order
		}
		// Entries of the Intel plugin have no time: net2 comes before net10.
		if order := len(a.IfName) - len(b.IfName); order != 0 {
			return order
		}
		return strings.Compare(a.IfName+"\x00"+a.Name, b.IfName+"\x00"+b.Name)
	})
}

// entryNames are sorted, and at most one more than are read.
func entryNames(root *os.Root) ([]string, error) {
	dir, err := root.Open(".")
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	var all []string
	for len(all) <= maxFiles {
		some, err := dir.Readdirnames(maxFiles)
		all = append(all, slices.DeleteFunc(some, func(name string) bool {
			return !strings.HasPrefix(name, filePrefix) || !strings.HasSuffix(name, fileSuffix)
		})...)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
	}
	slices.Sort(all)
	return all[:min(len(all), maxFiles+1)], nil
}

func readEntry(root *os.Root, name string) (Entry, error) {
	info, err := root.Lstat(name)
	if err != nil {
		return Entry{}, err
	}
	if !info.Mode().IsRegular() {
		return Entry{}, fmt.Errorf("is not a regular file (%s)", info.Mode())
	}
	// By now it may be a FIFO, which is opened without waiting for a writer.
	file, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return Entry{}, err
	}
	defer file.Close()
	if opened, err := file.Stat(); err != nil || !os.SameFile(info, opened) {
		return Entry{}, errors.Join(errors.New("was exchanged while it was opened"), err)
	}
	data, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if err != nil {
		return Entry{}, err
	}
	if len(data) > maxFile {
		return Entry{}, fmt.Errorf("is larger than %d bytes", maxFile)
	}
	return Parse(data)
}
