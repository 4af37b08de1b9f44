package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/userspace-cni/userspace-cni/test/lab"
)

// TestWithoutAPI stops the API server while pods run: they go on, and one whose
// container is started again is configured from its shared directory.
func TestWithoutAPI(t *testing.T) {
	clean(t)
	startPods(t, 2)
	connected(t, "pod-1", 1)
	to := statusOf(t, getPod(t, "pod-2"))[1].IPs[0]
	ping(t, "pod-1", to)
	node.API.Stop()
	started := false
	t.Cleanup(func() {
		if !started {
			_ = node.API.Start()
		}
	})
	before := appOf("pod-1")
	if err := syscall.Kill(before, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	wait(t, startLimit, "pod-1 pings after its restart", func(context.Context) error {
		now := appOf("pod-1")
		if now == 0 || now == before {
			return errors.New("the container is not started again")
		}
		socket := fmt.Sprintf("/proc/%d/root/run/vpp/api.sock", now)
		_, _, err := lab.App(bin, "ping", to, "--count=1", "--settle=5s", "--vpp-api-socket", socket)
		return err
	})
	t.Log("without an API server: the container was killed, and pings again after its restart")
	if err := errors.Join(node.API.Start(), node.WaitForAPI(t.Context())); err != nil {
		t.Fatal(err)
	}
	started = true
	wait(t, startLimit, "pod-1 pings", func(ctx context.Context) error {
		_, err := inPod(ctx, "pod-1", "usrsp-app", "ping", to, "--count=1", "--settle=10s")
		return err
	})
}

// appOf is the process of usrsp-app in a pod, or 0.
func appOf(pod string) int {
	found, _ := filepath.Glob("/proc/[0-9]*/comm")
	for _, path := range found {
		name, _ := os.ReadFile(path)
		environment, _ := os.ReadFile(filepath.Join(filepath.Dir(path), "environ"))
		if string(name) == "usrsp-app\n" && bytes.Contains(environment, []byte("HOSTNAME="+pod+"\x00")) {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
			return pid
		}
	}
	return 0
}
