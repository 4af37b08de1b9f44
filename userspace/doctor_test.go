package userspace

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/userspace-cni/userspace-cni/cnivpp"
	"github.com/userspace-cni/userspace-cni/pkg/nodeconf"
	"github.com/userspace-cni/userspace-cni/pkg/procfs"
	"github.com/userspace-cni/userspace-cni/pkg/vppapi"
)

// node is one whose VPP is process 7 of a /proc of files.
func node(t *testing.T, files map[string]string) *patient {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return &patient{
		Plugin: &Plugin{Links: "/run/userspace-cni/d", Node: nodeconf.Default()},
		proc:   procfs.Dir(dir),
		vpp:    cnivpp.Examined{Release: "v26.06-release", Process: vppapi.Process{PID: 7}},
	}
}

func (d diagnosis) mustBe(t *testing.T, status string, words ...string) {
	t.Helper()
	if d.Status != status {
		t.Errorf("status %s, want %s: %+v", d.Status, status, d)
	}
	for _, word := range words {
		if !strings.Contains(d.Found+"\n"+d.Mend, word) {
			t.Errorf("it does not say %q: %+v", word, d)
		}
	}
}

// TestDoctorOfHugepages: none, all in use, and enough.
func TestDoctorOfHugepages(t *testing.T) {
	for _, c := range []struct {
		total, free int
		status      string
		words       []string
	}{
		{0, 0, warningStatus, []string{"VPP works without", "vm.nr_hugepages"}},
		{512, 0, warningStatus, []string{"512 of 2048 KiB, 0 free", "vm.nr_hugepages"}},
		{512, 100, wellStatus, []string{"512 of 2048 KiB, 100 free"}},
	} {
		meminfo := fmt.Sprintf("HugePages_Total: %d\nHugePages_Free: %d\nHugepagesize: 2048 kB\n", c.total, c.free)
		node(t, map[string]string{"meminfo": meminfo}).hugepages(t.Context()).mustBe(t, c.status, c.words...)
	}
	node(t, nil).hugepages(t.Context()).mustBe(t, skippedStatus)
}

// TestDoctorOfProcess: a VPP without a capability, without root, and one whose
// process isn't to be seen.
func TestDoctorOfProcess(t *testing.T) {
	none := map[string]string{"7/status": "CapEff:\t0000000000000000\n"}
	node(t, none).capabilities(t.Context()).mustBe(t, warningStatus, "CAP_SYS_ADMIN", "AmbientCapabilities")
	user := node(t, none)
	user.vpp.Process.UID = 4242
	user.reachesDirectories(t.Context()).mustBe(t, warningStatus, "user 4242", "CAP_DAC_OVERRIDE")

	far := node(t, none)
	far.vpp.Process.PID = 0
	gone := node(t, nil)
	for name, look := range map[string]func(*patient, context.Context) diagnosis{
		"files": (*patient).fileDescriptors, "capabilities": (*patient).capabilities,
		"namespaces": (*patient).seesNamespaces, "directories": (*patient).reachesDirectories,
	} {
		t.Run(name, func(t *testing.T) {
			look(far, t.Context()).mustBe(t, skippedStatus, "PID namespace", "hostPID")
			if name != "namespaces" { // there may be none on the machine that tests
				look(gone, t.Context()).mustBe(t, skippedStatus, "no such file")
			}
		})
	}
}

func TestDoctorOfRelease(t *testing.T) {
	for release, status := range map[string]string{
		"v23.06-release": wellStatus, "v26.06-rc0~12-gabc": wellStatus, "24.10": wellStatus,
		"v23.02-release": warningStatus, "v26.10-release": warningStatus, "": warningStatus, "v2": warningStatus,
	} {
		n := node(t, nil)
		n.vpp.Release = release
		n.running(t.Context()).mustBe(t, status, release)
	}
}

// TestDoctorOfAPISocket: everybody may connect, or not.
func TestDoctorOfAPISocket(t *testing.T) {
	n := node(t, nil)
	n.apiSocket = filepath.Join(t.TempDir(), "api.sock")
	n.apiAccess(t.Context()).mustBe(t, skippedStatus)
	for mode, status := range map[os.FileMode]string{0o775: wellStatus, 0o777: warningStatus} {
		if err := os.WriteFile(n.apiSocket, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(n.apiSocket, mode); err != nil {
			t.Fatal(err)
		}
		n.apiAccess(t.Context()).mustBe(t, status, n.apiSocket)
	}
}

// TestDoctorGoesOn: a check that hangs is given up.
func TestDoctorGoesOn(t *testing.T) {
	n := node(t, nil)
	n.Node.StatusTimeout = 10 * time.Millisecond
	ended := make(chan struct{})
	defer close(ended)
	hang := func(*patient, context.Context) diagnosis { <-ended; return well("") }
	n.bounded(t.Context(), hang).mustBe(t, failedStatus, "did not end in time", "statusTimeout")
	late := func(_ *patient, ctx context.Context) diagnosis { <-ctx.Done(); return failed("late", "") }
	n.bounded(t.Context(), late).mustBe(t, failedStatus, "late")
}

// TestDoctorPrints puts an advice of several lines into one.
func TestDoctorPrints(t *testing.T) {
	var out strings.Builder
	p := &person{call: &call{Plugin: &Plugin{Stdout: &out}}}
	if err := p.printDiagnoses([]diagnosis{{"a", failedStatus, "two\nfaults\n", "do"}, {"b", wellStatus, "fine", ""}}); err != nil {
		t.Fatal(err)
	}
	if want := "FAILED   a: two; faults\n         -> do\nok       b: fine\n"; out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
}
