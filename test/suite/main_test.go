package suite

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/userspace-cni/userspace-cni/test/lab"
)

// binVariable hands the built programs on to the process in the namespaces.
const binVariable = "USERSPACE_CNI_BIN"

// engines are what every test runs on.
var engines []lab.Engine

// bin holds the built programs.
var bin = os.Getenv(binVariable)

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "suite:", err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (int, error) {
	if !lab.Inside() {
		return outside()
	}
	if err := lab.Furnish(); err != nil {
		return 1, err
	}
	engines = []lab.Engine{lab.Simulator(bin)}
	vpp, found, err := lab.FindVPP()
	if err != nil {
		return 1, err
	}
	if found {
		engines = append(engines, vpp)
	}
	code := m.Run()
	return code, report(code)
}

// reportVariable names a file for the lines that say what the suite ran on.
const reportVariable = "USERSPACE_CNI_REPORT"

func report(code int) error {
	path := os.Getenv(reportVariable)
	if path == "" {
		return nil
	}
	verdict := "passed"
	if code != 0 {
		verdict = "FAILED"
	}
	var lines string
	for _, engine := range engines {
		lines += fmt.Sprintf("The suite ran on %s (%s).\n", engine.Name, engine.Path)
	}
	if len(engines) == 1 {
		lines += "No VPP was found, so it didn't run on a real one: VPP=/path/to/vpp make test\n"
	}
	summaries.Lock()
	defer summaries.Unlock()
	for _, line := range summaries.lines {
		lines += line + "\n"
	}
	return os.WriteFile(path, []byte(lines+"It "+verdict+".\n"), 0o644)
}

// touchSources tells Go's cache of test results what ours depend on besides this
// package: the sources of the programs, and which VPP is named. It notes what a
// test reads, not what happens before there are tests.
var touchSources = sync.OnceValue(func() error {
	_ = os.Getenv("VPP")
	return filepath.WalkDir("../..", func(_ string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() && entry.Name() == ".git" {
			return fs.SkipDir
		}
		return err
	})
})

// summaries are the lines of the report that tests add: how much they tried.
var summaries struct {
	sync.Mutex
	lines []string
}

// summary adds a line to the report, and logs it.
func summary(t *testing.T, format string, args ...any) {
	t.Helper()
	line := fmt.Sprintf(format, args...)
	t.Log(line)
	summaries.Lock()
	defer summaries.Unlock()
	summaries.lines = append(summaries.lines, line)
}

// summary adds a line to the report that says what was tried on this engine.
func (b *bench) summary(format string, args ...any) {
	b.Helper()
	summary(b.T, "%s: %s on %s", b.Name(), fmt.Sprintf(format, args...), b.engine.Name)
}

// outside builds the programs and runs the tests in the lab's namespaces.
func outside() (int, error) {
	dir, err := os.MkdirTemp("", "userspace-cni-suite-")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil { // tests run programs as other users
		return 1, err
	}
	if err := lab.Build(dir); err != nil {
		return 1, err
	}
	return lab.Spawn(binVariable + "=" + dir)
}
