package vppsim_test

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	memifapi "go.fd.io/govpp/binapi/memif"

	"github.com/userspace-cni/userspace-cni/pkg/vppsim"
)

// TestDPDK exchanges packets with DPDK's memif driver, in both roles: testpmd's
// icmpecho mode answers ARP and echo requests for any address.
func TestDPDK(t *testing.T) {
	testpmd, err := exec.LookPath("dpdk-testpmd")
	if err != nil {
		t.Skip("dpdk-testpmd is missing: apt-get install dpdk-dev")
	}
	for name, tc := range map[string]struct {
		role memifapi.MemifRole
		args string
	}{
		"DPDK is the slave":  {memifapi.MEMIF_ROLE_API_MASTER, "role=client"},
		"DPDK is the master": {memifapi.MEMIF_ROLE_API_SLAVE, "role=server"},
	} {
		t.Run(name, func(t *testing.T) {
			v := start(t, vppsim.Options{})
			dir := t.TempDir()
			path := filepath.Join(filepath.Dir(dir), "m")
			i := v.memif(1, path, memifapi.MemifCreateV2{Role: tc.role})
			v.up(i)
			v.addresses(i, "10.88.0.1/24")
			runTestpmd(t, testpmd, dir, fmt.Sprintf("net_memif0,%s,id=0,socket=%s,socket-abstract=no", tc.args, path))
			v.waitLink(i)
			v.reaches("10.88.0.2")
			// Everything after the first answer must come back.
			if requests, replies := v.ping("10.88.0.2", 20, 0.01); replies < requests-2 {
				t.Errorf("%d of %d echoes", replies, requests)
			}
		})
	}
}

func runTestpmd(t *testing.T, testpmd, dir, vdev string) {
	t.Helper()
	cmd := exec.Command(testpmd, "--no-huge", "-m", "256", "--no-pci", "--no-telemetry", "--no-shconf",
		"--file-prefix", filepath.Base(dir), "-l", "0,1", "--vdev="+vdev,
		"--", "--forward-mode=icmpecho", "--disable-link-check", "--total-num-mbufs=4096")
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	stdin, err := cmd.StdinPipe() // it runs until it can read a line
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = stdin.Close()
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Log(out.String())
		}
	})
}
