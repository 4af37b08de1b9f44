package procfs

import (
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Process is a process' directory.
type Process string

// Process is the directory of the process with this number.
func (d Dir) Process(pid int) Process {
	return Process(filepath.Join(string(d), strconv.Itoa(pid)))
}

// Files counts the process' open files, and returns how many it may have: the
// soft limit, which only the process itself would raise.
func (p Process) Files() (open, limit uint64, err error) {
	entries, err := os.ReadDir(filepath.Join(string(p), "fd"))
	if err != nil {
		return 0, 0, err
	}
	data, err := os.ReadFile(filepath.Join(string(p), "limits"))
	if err != nil {
		return 0, 0, err
	}
	limit, err = softLimit(string(data), "Max open files")
	return uint64(len(entries)), limit, err
}

// softLimit is the first number of a limit's line.
func softLimit(limits, name string) (uint64, error) {
	for line := range strings.Lines(limits) {
		words := strings.Fields(strings.TrimPrefix(line, name))
		if !strings.HasPrefix(line, name) || len(words) == 0 {
			continue
		}
		if words[0] == "unlimited" {
			return math.MaxUint64, nil
		}
		return strconv.ParseUint(words[0], 10, 64)
	}
	return 0, fmt.Errorf("there is no line %q", name)
}

// Can tells whether the process has a capability (unix.CAP_...) in force.
func (p Process) Can(capability int) (bool, error) {
	values, err := fieldsOf(filepath.Join(string(p), "status"))
	if err != nil {
		return false, err
	}
	set, err := strconv.ParseUint(values["CapEff"], 16, 64)
	if err != nil {
		return false, fmt.Errorf("CapEff in %s/status is %q", p, values["CapEff"])
	}
	return set&(1<<capability) != 0, nil
}

// Sees tells whether an absolute path leads the process to the same file or
// directory as us. Where there is nothing for us, the error is fs.ErrNotExist.
func (p Process) Sees(path string) (bool, error) {
	// Theirs first: what goes away in between is then missing for us.
	theirs, there, err := p.stat(path)
	if err != nil {
		return false, err
	}
	var ours unix.Stat_t
	if err := unix.Stat(path, &ours); err != nil {
		return false, &fs.PathError{Op: "stat", Path: path, Err: err}
	}
	return there && theirs.Dev == ours.Dev && theirs.Ino == ours.Ino, nil
}

// stat looks from the process' root, in which symbolic links stay: a plain path
// below /proc/PID/root would follow an absolute link in ours.
func (p Process) stat(path string) (stat unix.Stat_t, there bool, err error) {
	root := filepath.Join(string(p), "root")
	dir, err := unix.Open(root, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return stat, false, &fs.PathError{Op: "open", Path: root, Err: err}
	}
	defer unix.Close(dir)
	file, err := unix.Openat2(dir, path, &unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC, Resolve: unix.RESOLVE_IN_ROOT})
	if err == unix.ENOENT || err == unix.ENOTDIR {
		return stat, false, nil
	}
	if err != nil {
		return stat, false, &fs.PathError{Op: "openat2", Path: root + path, Err: err}
	}
	defer unix.Close(file)
	return stat, true, unix.Fstat(file, &stat)
}
