package usrspapp

import (
	"debug/elf"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// preload is the library that makes a program's sockets VPP's.
const preload = "libvcl_ldpreload.so"

// loaderDirs are those that the dynamic loader looks into by itself, on Debian and
// Fedora.
var loaderDirs = []string{
	"/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/lib",
	"/usr/local/lib/x86_64-linux-gnu", "/usr/local/lib/aarch64-linux-gnu", "/usr/local/lib",
	"/lib/x86_64-linux-gnu", "/lib/aarch64-linux-gnu", "/lib64", "/lib",
}

// library is a found libvcl_ldpreload.so.
type library struct {
	path string
	// dir is where VPP's other libraries are; empty: the loader finds them.
	dir string
	// release is that of VPP that it is a part of, such as "26.06"; empty: its names
	// don't say.
	release string
}

// fits fails where the host's VPP is of another release: applications attach to it, and
// each connection ends with the first data.
func (l library) fits(host string) error {
	if host == "" || l.release == "" || host == l.release {
		return nil
	}
	return fmt.Errorf("%s is of VPP %s, and the host's VPP is %s: take docker/vcl-libs of that release", l.path, l.release, host)
}

// findLibrary looks for the library beside usrsp-app, which docker/vcl-libs copies
// together with it, and where packages put it.
func findLibrary(given string) (library, error) {
	if given != "" {
		path, err := filepath.Abs(given)
		if err != nil {
			return library{}, err
		}
		l, err := newLibrary(path)
		if err != nil {
			return l, fmt.Errorf("--library: %w", err)
		}
		return l, nil
	}
	var dirs []string
	if self, err := os.Executable(); err == nil {
		dirs = append(dirs, filepath.Dir(self))
	}
	return libraryIn(append(dirs, loaderDirs...))
}

func libraryIn(dirs []string) (library, error) {
	for _, dir := range dirs {
		for _, path := range candidates(dir) {
			if _, err := os.Stat(path); err == nil {
				return newLibrary(path)
			}
		}
	}
	return library{}, fmt.Errorf("no %s in %s: name it by --library, or let an init container bring it, see docker/vcl-libs", preload, strings.Join(dirs, ", "))
}

// candidates: the name without a release is a development package's on Debian.
func candidates(dir string) []string {
	versioned, _ := filepath.Glob(filepath.Join(dir, preload+".*")) // the pattern is well-formed
	return append([]string{filepath.Join(dir, preload)}, versioned...)
}

// newLibrary reads what the loader will, and looks for VPP's libraries, which all
// have one release.
func newLibrary(path string) (library, error) {
	file, err := elf.Open(path)
	if err != nil {
		return library{}, fmt.Errorf("%s: %w", path, err)
	}
	defer file.Close()
	needed, err := file.ImportedLibraries()
	if err != nil {
		return library{}, fmt.Errorf("%s: %w", path, err)
	}
	runpaths, _ := file.DynString(elf.DT_RUNPATH)
	rpaths, _ := file.DynString(elf.DT_RPATH)
	dir := filepath.Dir(path)
	known := loaderDirs
	for _, p := range append(runpaths, rpaths...) {
		p = strings.NewReplacer("$ORIGIN", dir, "${ORIGIN}", dir).Replace(p)
		known = slices.Concat(known, strings.Split(p, ":"))
	}
	var missing []string
	found := library{path: path, release: releaseOf(needed)}
	for _, name := range slices.DeleteFunc(needed, func(name string) bool { return !isVPPs(name) }) {
		switch {
		case isIn(known, name):
		case isIn([]string{dir}, name):
			found.dir = dir
		default:
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		return library{}, fmt.Errorf("%s needs %s, which are neither in %s nor where the loader looks: copy all of VPP's libraries, see docker/vcl-libs",
			path, strings.Join(missing, ", "), dir)
	}
	return found, nil
}

// releaseOf takes the release from the names of the libraries that are needed, such as
// libvppcom.so.26.06.
func releaseOf(needed []string) string {
	for _, name := range needed {
		if _, release, ok := strings.Cut(name, "libvppcom.so."); ok {
			return release
		}
	}
	return ""
}

// isVPPs tells a library of VPP's by its prefix; others the image has, or not.
func isVPPs(name string) bool {
	return strings.HasPrefix(name, "libvpp") || strings.HasPrefix(name, "libsvm.") || strings.HasPrefix(name, "libvlib")
}

func isIn(dirs []string, name string) bool {
	return slices.ContainsFunc(dirs, func(dir string) bool {
		_, err := os.Stat(filepath.Join(dir, name))
		return dir != "" && err == nil
	})
}
