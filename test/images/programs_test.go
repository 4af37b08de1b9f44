package images

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestUserspaceCNI: the node agent answers, and there is the plugin for an installer
// to copy, and no shell.
func TestUserspaceCNI(t *testing.T) {
	c := newContainer(t, "userspace-cni")
	c.start("--version")
	if status := c.ends(); status != 0 || !strings.HasPrefix(c.output.String(), "userspace-node version ") {
		t.Errorf("userspace-node --version: status %d, %q", status, c.output)
	}
	for _, program := range []string{"userspace", "usrsp-app"} {
		if out, err := c.run("/usr/local/bin/"+program, "--help"); err != nil && !strings.Contains(out, "userspace") {
			t.Errorf("%s: %v: %s", program, err, out)
		}
	}
	authorities, err := os.ReadFile(filepath.Join(c.root, "etc/ssl/certs/ca-certificates.crt"))
	if err != nil || !strings.Contains(string(authorities), "BEGIN CERTIFICATE") {
		t.Errorf("no certificate authorities: %v", err)
	}
	if _, err := os.Stat(filepath.Join(c.root, "bin/sh")); err == nil {
		t.Error("there is a shell")
	}
}

func TestVersionLabel(t *testing.T) {
	for _, image := range []string{"userspace-cni", "vpp-userspace-cni", "dpdk-testpmd", "vcl-libs"} {
		if version := newContainer(t, image).config.Labels["org.opencontainers.image.version"]; version == "" {
			t.Errorf("%s has no version", image)
		}
	}
}

// TestCopyVCLLibs: the init container fills its volume, over what is there, and
// says what is missing where there is none.
func TestCopyVCLLibs(t *testing.T) {
	c := newContainer(t, "vcl-libs")
	c.start()
	if status := c.ends(); status != 1 || !strings.Contains(c.output.String(), "no directory /vcl: mount an emptyDir there") {
		t.Errorf("without a volume: status %d, %q", status, c.output)
	}
	volume := t.TempDir()
	c.bind(volume, "/vcl")
	for range 2 {
		c.start()
		if status := c.ends(); status != 0 {
			t.Fatalf("status %d", status)
		}
	}
	for _, file := range []string{"libvcl_ldpreload.so", "usrsp-app"} {
		if _, err := os.Stat(filepath.Join(volume, file)); err != nil {
			t.Error(err)
		}
	}
}

// TestTestpmdWithoutContract: testpmd isn't started on nothing.
func TestTestpmdWithoutContract(t *testing.T) {
	c := newContainer(t, "dpdk-testpmd")
	c.env = []string{"DPDK_ARGS_FLAGS=--timeout 1s"}
	c.start("--no-huge")
	if status := c.ends(); status == 0 || !strings.Contains(c.output.String(), "no contract") || strings.Contains(c.output.String(), "EAL") {
		t.Errorf("status %d, %q", status, c.output)
	}
}

// TestTestpmd: with a contract its port is connected to the node's VPP.
func TestTestpmd(t *testing.T) {
	c := newContainer(t, "dpdk-testpmd")
	n := newNode(t)
	n.attach(c)
	c.start("--no-huge", "-m", "128", "--no-pci", "--no-telemetry", "--lcores=0@(0-1),1@(0-1)", "--", "--total-num-mbufs=8192", "--auto-start", "--stats-period=1")
	c.within("its memif is connected to the node's VPP", n.linked)
}
