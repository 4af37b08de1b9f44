package procfs

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Dir is where a proc file system is.
type Dir string

// Default is where it is on every machine.
const Default Dir = "/proc"

// HugePages are the machine's huge pages of the default size.
type HugePages struct {
	Total, Free uint64
	// KiB is the size of one.
	KiB uint64
}

// HugePages counts them.
func (d Dir) HugePages() (HugePages, error) {
	var h HugePages
	values, err := fieldsOf(filepath.Join(string(d), "meminfo"))
	if err != nil {
		return h, err
	}
	for name, into := range map[string]*uint64{"HugePages_Total": &h.Total, "HugePages_Free": &h.Free, "Hugepagesize": &h.KiB} {
		number, _, _ := strings.Cut(values[name], " ")
		if *into, err = strconv.ParseUint(number, 10, 64); err != nil {
			return h, fmt.Errorf("%s in %s/meminfo is %q: does this kernel have huge pages?", name, d, values[name])
		}
	}
	return h, nil
}

// fieldsOf reads a file of lines "name: value".
func fieldsOf(path string) (map[string]string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	values := map[string]string{}
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ":")
		values[name] = strings.TrimSpace(value)
	}
	return values, lines.Err()
}
