package usrspapp

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/userspace-cni/userspace-cni/pkg/contract"
	"github.com/userspace-cni/userspace-cni/pkg/netconf"
)

// TestVCLConf has the texts that VCL is given.
func TestVCLConf(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*netconf.Side)
		want   string
	}{
		"defaults": {
			func(s *netconf.Side) { s.VCL.Scopes = nil },
			`# Written by usrsp-app.
vcl {
  rx-fifo-size 4000000
  tx-fifo-size 4000000
  app-scope-local
  app-scope-global
  use-mq-eventfd
  app-socket-api abstract:vpp/session
}
`,
		},
		"everything": {
			func(s *netconf.Side) {
				s.VCL = &netconf.VCL{
					SocketName: "vcl.sock", SocketType: netconf.SocketTypeFile, RxFifoSize: 65536, TxFifoSize: 131072,
					Scopes: []string{netconf.ScopeGlobal},
				}
			},
			`# Written by usrsp-app.
vcl {
  rx-fifo-size 65536
  tx-fifo-size 131072
  app-scope-global
  use-mq-eventfd
  app-socket-api DIR/vcl.sock
}
`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			a := dpdkApp(t)
			got, err := a.vclText(changed(vcl("a"), c.change), "")
			must(t, err)
			if diff := cmp.Diff(c.want, strings.ReplaceAll(got, a.SharedDir, "DIR")); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// TestVCLOwnConf: a user's file keeps everything, and gets our socket where it
// has none that counts.
func TestVCLOwnConf(t *testing.T) {
	const ours = "  app-socket-api abstract:s\n"
	for before, want := range map[string]string{
		"vcl {\n  heapsize 64M\n}\n":                        "vcl {\n" + ours + "  heapsize 64M\n}\n",
		"# mine\n\tvcl {  # x\n# app-socket-api no\n}\n":    "# mine\n\tvcl {  # x\n" + ours + "# app-socket-api no\n}\n",
		"vcl {\n\tapp-socket-api /mine\n}\n":                "vcl {\n\tapp-socket-api /mine\n}\n",
		"vcl {\n}\nother {\n  app-socket-api /outside\n}\n": "vcl {\n" + ours + "}\nother {\n  app-socket-api /outside\n}\n",
		"app-socket-api /before\n# vcl {\nvcl{\n  a 1\n}":   "app-socket-api /before\n# vcl {\nvcl{\n" + ours + "  a 1\n}",
		"":             "",
		"session {\n}": "",
	} {
		got, err := withSocket(before, "abstract:s")
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v, want %q", before, got, err, want)
		}
	}
}

// TestOneVCL: a process has one network, and an error names the choices.
func TestOneVCL(t *testing.T) {
	second := vcl("b")
	second.IfName = "net2"
	twin := vcl("c")
	for _, c := range []struct {
		entries []contract.Entry
		ifName  string
		want    string
	}{
		{[]contract.Entry{entry("m"), vcl("a")}, "", "a"},
		{[]contract.Entry{vcl("a"), second}, "net2", "b"},
		{[]contract.Entry{entry("m")}, "", "no VCL network"},
		{[]contract.Entry{vcl("a"), second}, "", "choose it by --interface: net1 (network a), net2 (network b)"},
		{[]contract.Entry{vcl("a"), second}, "net3", `--interface "net3" is no VCL network`},
		{[]contract.Entry{vcl("a"), twin}, "net1", "several networks"},
	} {
		got, err := oneVCL(c.entries, c.ifName)
		if text := got.Name + fmt.Sprint(err); !strings.Contains(text, c.want) {
			t.Errorf("--interface %q: %s, want %q", c.ifName, text, c.want)
		}
	}
}

// TestVCLConfPrints: what is printed is what env takes, and the file is the
// user's alone to write.
func TestVCLConfPrints(t *testing.T) {
	a := dpdkApp(t, vcl("a"))
	library := elfLibrary(t)
	var out bytes.Buffer
	must(t, a.VCLConf(t.Context(), &out, VCLOptions{Library: library}))
	path := filepath.Join(os.TempDir(), fmt.Sprintf("usrsp-app-%d", os.Geteuid()), "vcl-net1.conf")
	if want := "VCL_CONFIG=" + path + "\nLD_PRELOAD=" + library + "\n"; out.String() != want {
		t.Errorf("printed %q, want %q", &out, want)
	}
	if info, err := os.Stat(filepath.Dir(path)); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("directory: %v, %v", info, err)
	}
	for _, spaced := range []string{"/a b", "/a:b", "/a\nb", "/$a"} {
		if isPlain(spaced) {
			t.Errorf("%q is one word to nobody", spaced)
		}
	}
}

// elfLibrary is a file that the loader would take: this test.
func elfLibrary(t *testing.T) string {
	t.Helper()
	self, err := os.Executable()
	must(t, err)
	path := filepath.Join(os.TempDir(), preload)
	data, err := os.ReadFile(self)
	must(t, err)
	must(t, os.WriteFile(path, data, 0o600))
	return path
}

// TestWriteConfig: nothing that somebody put there is followed or believed.
func TestWriteConfig(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	victim := filepath.Join(dir, "victim")
	must(t, os.WriteFile(victim, []byte("untouched"), 0o600))
	own := filepath.Join(dir, fmt.Sprintf("usrsp-app-%d", os.Geteuid()))
	must(t, os.Mkdir(own, 0o700))
	must(t, os.Symlink(victim, filepath.Join(own, "vcl-net1.conf")))
	path, err := writeConfig("", "net1", "text")
	must(t, err)
	mustRead(t, path, "text")
	mustRead(t, victim, "untouched")
	must(t, os.RemoveAll(own))
	must(t, os.Symlink(dir, own))
	t.Cleanup(func() { os.RemoveAll(filepath.Join("/dev/shm", filepath.Base(own))) })
	if path, err = writeConfig("", "n$1", "text"); err != nil || path != filepath.Join("/dev/shm", filepath.Base(own), "vcl-6e2431.conf") {
		t.Errorf("planted directory: %s, %v", path, err)
	}
	output := filepath.Join(dir, "output")
	must(t, os.Symlink(victim, output))
	_, err = writeConfig(output, "net1", "asked for")
	must(t, err)
	mustRead(t, output, "asked for")
	mustRead(t, victim, "untouched")
	if left, _ := filepath.Glob(filepath.Join(dir, ".vcl-*")); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
}

func mustRead(t *testing.T, path, want string) {
	t.Helper()
	if got, err := os.ReadFile(path); err != nil || string(got) != want {
		t.Errorf("%s: %q, %v, want %q", path, got, err, want)
	}
}

// TestVCLFileSocket: a path that VCL can't take is reached by a link.
func TestVCLFileSocket(t *testing.T) {
	a := dpdkApp(t)
	a.SharedDir = filepath.Join(a.SharedDir, "a b")
	must(t, os.Mkdir(a.SharedDir, 0o755))
	file := changed(vcl("a"), func(s *netconf.Side) { s.VCL.SocketType, s.VCL.SocketName = netconf.SocketTypeFile, "s" })
	path, err := a.vclSocket(file)
	must(t, err)
	if target, err := os.Readlink(path); err != nil || target != filepath.Join(a.SharedDir, "s") || !isPlain(path) {
		t.Errorf("%s leads to %q, %v", path, target, err)
	}
	for _, change := range []func(*netconf.Side){func(s *netconf.Side) { s.VCL = nil }, func(s *netconf.Side) { s.VCL.SocketName = "" }} {
		if _, err := a.vclSocket(changed(vcl("a"), change)); err == nil || !strings.Contains(err.Error(), "network a, interface net1: the contract has no vcl") {
			t.Errorf("error %v", err)
		}
	}
}

// TestEnvironment: lists of libraries keep what they had.
func TestEnvironment(t *testing.T) {
	e := Environment{{"VCL_CONFIG", "/c"}, {"LD_PRELOAD", "/l"}, {"LD_LIBRARY_PATH", "/d"}}
	got := e.over([]string{"A=1", "VCL_CONFIG=/old", "LD_PRELOAD=/jemalloc.so", "LD_LIBRARY_PATH="})
	want := []string{"A=1", "VCL_CONFIG=/c", "LD_PRELOAD=/l:/jemalloc.so", "LD_LIBRARY_PATH=/d"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if got := e.over([]string{"LD_PRELOAD=/l"}); !slices.Contains(got, "LD_PRELOAD=/l") {
		t.Errorf("twice: %q", got)
	}
}

// TestLibrary: an error says where was looked.
func TestLibrary(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	empty := t.TempDir()
	if _, err := libraryIn([]string{empty, "/nowhere"}); err == nil || !strings.Contains(err.Error(), empty+", /nowhere") || !strings.Contains(err.Error(), "docker/vcl-libs") {
		t.Errorf("error %v", err)
	}
	must(t, os.WriteFile(filepath.Join(empty, preload+".26.06"), []byte("text"), 0o600))
	if _, err := libraryIn([]string{empty}); err == nil || !strings.Contains(err.Error(), preload+".26.06") {
		t.Errorf("no library: %v", err)
	}
	path := elfLibrary(t)
	if l, err := libraryIn([]string{"/nowhere", filepath.Dir(path)}); err != nil || l != (library{path: path}) {
		t.Errorf("%+v, %v", l, err)
	}
}

// TestRelease: a library of another release than the host's VPP is refused, and one of
// which nothing is known is not.
func TestRelease(t *testing.T) {
	l := library{path: "/l", release: releaseOf([]string{"libc.so.6", "libvppcom.so.26.06", "libsvm.so.26.06"})}
	for host, good := range map[string]bool{"26.06": true, "": true, "23.06": false} {
		if err := l.fits(host); (err == nil) != good {
			t.Errorf("with a host of %q: %v", host, err)
		}
	}
	if err := (library{path: "/l"}).fits("26.06"); err != nil {
		t.Error(err)
	}
	e := vcl("a")
	e.Config.VCL.VPPRelease = "23.06"
	if _, err := dpdkApp(t, e).vclEnvironment(e, l, VCLOptions{}); err == nil || !strings.Contains(err.Error(), "is of VPP 26.06") {
		t.Errorf("refused with %v", err)
	}
}

// TestVCLExecRefuses: what is wrong is said before the program is started.
func TestVCLExecRefuses(t *testing.T) {
	a := dpdkApp(t, vcl("a"))
	options := VCLOptions{Library: elfLibrary(t)}
	if err := a.VCLExec(t.Context(), options, []string{"no-such-program"}); !errors.Is(err, ErrNoProgram) || !errors.Is(err, exec.ErrNotFound) {
		t.Errorf("no program: %v", err)
	}
	err := a.VCLExec(t.Context(), options, []string{"true"})
	if err == nil || !strings.Contains(err.Error(), "network a, interface net1: no answer on @vpp/session: connection refused") {
		t.Errorf("no VPP: %v", err)
	}
	a = dpdkApp(t)
	a.Timeout = time.Millisecond
	if err := a.VCLExec(t.Context(), VCLOptions{Library: elfLibrary(t)}, []string{"true"}); err == nil || !strings.Contains(err.Error(), "no contract") {
		t.Errorf("no contract: %v", err)
	}
}
