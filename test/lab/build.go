package lab

import (
	"fmt"
	"os/exec"
	"path/filepath"
)

// programs are the packages whose binaries the lab runs.
var programs = []string{
	"github.com/userspace-cni/userspace-cni/cmd/userspace",
	"github.com/userspace-cni/userspace-cni/cmd/userspace-node",
	"github.com/userspace-cni/userspace-cni/cmd/usrsp-app",
	"github.com/userspace-cni/userspace-cni/cmd/vppsim",
	"github.com/containernetworking/plugins/plugins/ipam/host-local",
	"github.com/containernetworking/cni/cnitool",
}

// Build builds the programs, host-local and cnitool among them, into dir.
func Build(dir string) error {
	for _, program := range programs {
		cmd := exec.Command("go", "build", "-o", filepath.Join(dir, filepath.Base(program)), program)
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("build %s: %w\n%s", program, err, out)
		}
	}
	return nil
}
