package podinfo

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// entry is a list with one entry, of the named network.
func entry(network string) string {
	return fmt.Sprintf(`[{"containerId":"c","ifName":"net1","name":"%s","config":{"iftype":"memif"},"ipResult":{"cniVersion":"1.1.0","dns":{}}}]`, network)
}

// annotations is the file as the kubelet writes it: sorted, quoted, without a
// newline at the end.
func annotations(network string) string {
	return strings.Join([]string{
		fmt.Sprintf("k8s.v1.cni.cncf.io/networks=%q", `[{"name":"a=b"}]`),
		fmt.Sprintf("userspace/configuration-data=%q", entry(network)),
		fmt.Sprintf("userspace/mapped-dir=%q", "/var/lib/cni/usrspcni/"),
	}, "\n")
}

// publish fills a volume as the kubelet does: a directory of its own for each
// version, a link to it that is exchanged in one step, and a link to the file.
func publish(t *testing.T, dir, version, content string) {
	t.Helper()
	must(t, os.Mkdir(filepath.Join(dir, version), 0o755))
	must(t, os.WriteFile(filepath.Join(dir, version, fileName), []byte(content), 0o644))
	must(t, os.Symlink(version, filepath.Join(dir, "..data_tmp")))
	must(t, os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data")))
	err := os.Symlink(filepath.Join("..data", fileName), filepath.Join(dir, fileName))
	if !errors.Is(err, fs.ErrExist) {
		must(t, err)
	}
}

func networks(a Annotations) []string {
	var names []string
	for _, e := range a.Entries {
		names = append(names, e.Name)
	}
	return names
}

func TestKubeletsLayout(t *testing.T) {
	dir := t.TempDir()
	if _, err := Read(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("empty volume: %v", err)
	}
	publish(t, dir, "..2026_01_01_00_00_00.1", "")
	if a, err := Read(dir); err != nil || len(a.Entries) > 0 {
		t.Errorf("no annotations yet: %+v, %v", a, err)
	}
	publish(t, dir, "..2026_01_01_00_00_00.2", annotations("blue"))
	must(t, os.RemoveAll(filepath.Join(dir, "..2026_01_01_00_00_00.1")))
	a, err := Read(dir)
	must(t, err)
	if diff := cmp.Diff([]string{"blue"}, networks(a)); diff != "" || a.MappedDir != "/var/lib/cni/usrspcni/" {
		t.Errorf("mapped dir %q, networks %s", a.MappedDir, diff)
	}
}

// TestSwapWhileReading: a reader sees the old or the new annotations, never a
// mixture.
func TestSwapWhileReading(t *testing.T) {
	dir := t.TempDir()
	publish(t, dir, "..0", annotations(strings.Repeat("a", 30_000)))
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := 1; i <= 100; i++ {
			publish(t, dir, fmt.Sprint("..", i), annotations(strings.Repeat(string(rune('a'+i%2)), 30_000)))
		}
	}()
	for reading := true; reading; {
		select {
		case <-done:
			reading = false
		default:
		}
		a, err := Read(dir)
		must(t, err)
		if name := networks(a)[0]; strings.Count(name, name[:1]) != 30_000 {
			t.Fatal("a mixture")
		}
	}
}

func TestFirstUsualDirectory(t *testing.T) {
	old := dirs
	defer func() { dirs = old }()
	base := t.TempDir()
	dirs = []string{filepath.Join(base, "podinfo"), filepath.Join(base, "podnetinfo")}
	if _, err := Read(""); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("neither is there: %v", err)
	}
	for i, network := range []string{"second", "first"} {
		dir := dirs[1-i]
		must(t, os.Mkdir(dir, 0o755))
		publish(t, dir, "..1", annotations(network))
		a, err := Read("")
		must(t, err)
		if diff := cmp.Diff([]string{network}, networks(a)); diff != "" {
			t.Error(diff)
		}
	}
	if diff := cmp.Diff([]string{"/etc/podinfo", "/etc/podnetinfo"}, old); diff != "" {
		t.Error(diff)
	}
}

func TestParse(t *testing.T) {
	for name, c := range map[string]struct {
		file      string
		networks  []string
		mappedDir string
		words     string // of the error
	}{
		"nothing":        {},
		"only others'":   {file: "a=\"b\"\nuserspace=\"x\"\nnot a line\n=\n\n"},
		"new wins":       {file: `userspace/mappedDir="/old"` + "\n" + `userspace/mapped-dir="/new"`, mappedDir: "/new"},
		"old name":       {file: `userspace/mappedDir="/old"`, mappedDir: "/old"},
		"quoting":        {file: `userspace/mapped-dir="/a \"b\" \\ \u00e4 \x00="`, mappedDir: "/a \"b\" \\ ä \x00="},
		"empty list":     {file: `userspace/configuration-data="[]"`},
		"empty value":    {file: `userspace/configuration-data=""`},
		"not quoted":     {file: `userspace/configuration-data=[]`, words: "userspace/configuration-data"},
		"cut short":      {file: `userspace/configuration-data="[`, words: "userspace/configuration-data"},
		"not JSON":       {file: `userspace/configuration-data="["`, words: "userspace/configuration-data"},
		"ours, unknown":  {file: "userspace/\x1b[2J=not quoted\nuserspace/mapped-dir=\"/x\"", mappedDir: "/x"},
		"others broken":  {file: "other/x=\"\nuserspace/configuration-data=" + fmt.Sprintf("%q", entry("a")), networks: []string{"a"}},
		"one good entry": {file: fmt.Sprintf("userspace/configuration-data=%q", "[7,"+entry("a")[1:]), networks: []string{"a"}, words: "entry 1"},
		"Windows":        {file: "userspace/mapped-dir=\"/x\"\r\n", words: "userspace/mapped-dir"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			must(t, os.WriteFile(filepath.Join(dir, fileName), []byte(c.file), 0o600))
			a, err := Read(dir)
			if diff := cmp.Diff(c.networks, networks(a)); diff != "" || a.MappedDir != c.mappedDir {
				t.Errorf("mapped dir %q, networks %s", a.MappedDir, diff)
			}
			if (err != nil) != (c.words != "") || err != nil && !strings.Contains(err.Error(), c.words) {
				t.Errorf("error %v, want %q", err, c.words)
			}
		})
	}
}

// TestSurprises: whatever isn't a file of bounded size inside the volume is
// refused by name, and never waited for.
func TestSurprises(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "outside")
	must(t, os.WriteFile(outside, []byte(annotations("outside")), 0o600))
	for name, plant := range map[string]func(path string) error{
		"FIFO":                  func(path string) error { return syscall.Mkfifo(path, 0o600) },
		"directory":             func(path string) error { return os.Mkdir(path, 0o700) },
		"link out of it":        func(path string) error { return os.Symlink(outside, path) },
		"relative link out":     func(path string) error { return os.Symlink("../"+filepath.Base(outside), path) },
		"link to a device":      func(path string) error { return os.Symlink("/dev/zero", path) },
		"link to itself":        func(path string) error { return os.Symlink(fileName, path) },
		"larger than can be":    func(path string) error { return os.WriteFile(path, make([]byte, maxFile+1), 0o600) },
		"much larger, in holes": func(path string) error { return errors.Join(os.WriteFile(path, nil, 0o600), os.Truncate(path, 1<<40)) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, fileName)
			must(t, plant(path))
			a, err := Read(dir)
			if err == nil || !strings.Contains(err.Error(), path) || len(a.Entries) > 0 {
				t.Errorf("read %+v, error %v", a, err)
			}
		})
	}
	fifo := filepath.Join(t.TempDir(), "fifo")
	must(t, syscall.Mkfifo(fifo, 0o600))
	if _, err := Read(fifo); err == nil {
		t.Error("a FIFO is no volume")
	}
}
