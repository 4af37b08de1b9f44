package cluster

import (
	"fmt"

	"github.com/userspace-cni/userspace-cni/pkg/shareddir"
	"github.com/userspace-cni/userspace-cni/pkg/state"
	"github.com/userspace-cni/userspace-cni/test/lab"
)

// ipamDir is where host-local keeps its addresses.
const ipamDir = "/var/lib/cni/networks"

// Left says what is left of pods: on the node's VPP, in records, addresses and shared
// directories, those given included, of the cluster's network and of Multus.
func Left(host *lab.VPP, dirs ...string) error {
	dirs = append(dirs, state.DefaultDir, shareddir.DefaultBase, ipamDir, "/var/lib/cni/results", "/var/lib/cni/multus/results", "/run/netns")
	objects, err := host.Left()
	if err != nil {
		return err
	}
	files, err := lab.FilesLeft(dirs...)
	if err != nil {
		return err
	}
	if objects+files != "" {
		return fmt.Errorf("left behind:\n%s\n%s", objects, files)
	}
	return nil
}
