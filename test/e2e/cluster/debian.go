package cluster

import (
	"debug/elf"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// addDebian adds to an image what patterns name in the packages that fetch unpacked
// for pods: programs and libraries with every library that they need, directories
// with all that is in them. A link stays one, and what it leads to comes too: DPDK
// would load a driver twice that has two names and no link.
func (c *Cluster) addDebian(image *Image, patterns ...string) error {
	p := &packages{root: filepath.Join(c.cache, "pods"), image: image}
	for _, pattern := range patterns {
		found, err := filepath.Glob(p.here(pattern))
		if err != nil {
			return err
		}
		if len(found) == 0 {
			return fmt.Errorf("in Debian's packages there is no %s", pattern)
		}
		for _, path := range found {
			if err := p.addBelow(path); err != nil {
				return err
			}
		}
	}
	return nil
}

// packages are being added to an image. Paths are absolute ones in it, where nothing
// else is said.
type packages struct {
	root  string
	image *Image
}

// here is where a file of the packages is on this machine.
func (p *packages) here(path string) string { return filepath.Join(p.root, path) }

// addBelow adds a file, or those below a directory, by its path on this machine.
func (p *packages) addBelow(here string) error {
	return filepath.WalkDir(here, func(here string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		return p.add(strings.TrimPrefix(here, p.root))
	})
}

// add adds one file, unless the image has it, and what it can't do without.
func (p *packages) add(path string) error {
	if p.image.Files[path] != "" || p.image.Links[path] != "" {
		return nil
	}
	to, err := os.Readlink(p.here(path))
	if err != nil {
		p.image.Files[path] = p.here(path)
		return p.addLibraries(path)
	}
	p.image.Links[path] = to
	if !filepath.IsAbs(to) {
		to = filepath.Join(filepath.Dir(path), to)
	}
	if _, err := os.Lstat(p.here(to)); err != nil {
		return nil //nolint:nilerr // into a package that wasn't fetched
	}
	return p.add(to)
}

// addLibraries adds the libraries that a program or library needs, and what loads
// them.
func (p *packages) addLibraries(path string) error {
	file, err := elf.Open(p.here(path))
	if err != nil {
		return nil //nolint:nilerr // a script, or data
	}
	defer file.Close()
	names, err := file.ImportedLibraries()
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	needed := loader(file)
	for _, name := range names {
		library, err := p.library(file, name)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		needed = append(needed, library)
	}
	for _, path := range needed {
		if err := p.add(path); err != nil {
			return err
		}
	}
	return nil
}

// loader is what the kernel starts for a program; a library has none.
func loader(file *elf.File) []string {
	for _, header := range file.Progs {
		if header.Type == elf.PT_INTERP {
			name, _ := io.ReadAll(header.Open())
			return []string{strings.TrimRight(string(name), "\x00")}
		}
	}
	return nil
}

// library finds a library where the loader will.
func (p *packages) library(file *elf.File, name string) (string, error) {
	dirs, _ := file.DynString(elf.DT_RUNPATH)
	for _, dir := range append(dirs, "/lib/*-linux-gnu*", "/usr/lib/*-linux-gnu*") {
		found, _ := filepath.Glob(p.here(filepath.Join(dir, name)))
		if len(found) > 0 {
			return strings.TrimPrefix(found[0], p.root), nil
		}
	}
	return "", fmt.Errorf("in Debian's packages there is no library %s", name)
}
