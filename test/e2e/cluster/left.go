package cluster

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/userspace-cni/userspace-cni/pkg/shareddir"
	"github.com/userspace-cni/userspace-cni/pkg/state"
	"github.com/userspace-cni/userspace-cni/test/lab"
)

// ipamDir is where host-local keeps its addresses.
const ipamDir = "/var/lib/cni/networks"

// Left says what is left of pods: on the node's VPP, in records, addresses and shared
// directories, those given included, of the cluster's network and of Multus.
// The cluster's own pods have what they need.
func (c *Cluster) Left(ctx context.Context, host *lab.VPP, dirs ...string) error {
	dirs = append(dirs, state.DefaultDir, shareddir.DefaultBase, ipamDir, "/var/lib/cni/results", "/var/lib/cni/multus/results", "/run/netns")
	objects, err := host.Left()
	if err != nil {
		return err
	}
	files, err := lab.FilesLeft(dirs...)
	if err != nil {
		return err
	}
	if files, err = c.withoutInstallation(ctx, files); err != nil {
		return err
	}
	if objects+files != "" {
		return fmt.Errorf("left behind:\n%s\n%s", objects, files)
	}
	return nil
}

// withoutInstallation leaves out what the cluster's network has for the pods of
// kube-system: their addresses, sandboxes, and network namespaces with processes.
func (c *Cluster) withoutInstallation(ctx context.Context, files string) (string, error) {
	var pods struct {
		Items []struct {
			Spec   struct{ HostNetwork bool }
			Status struct{ PodIP string }
		}
	}
	if err := c.Get(ctx, "/api/v1/namespaces/kube-system/pods", &pods); err != nil {
		return "", err
	}
	var addresses, sandboxes []string
	for _, pod := range pods.Items {
		if pod.Status.PodIP == "" || pod.Spec.HostNetwork {
			continue
		}
		address := ipamDir + "/cluster/" + pod.Status.PodIP
		owner, err := os.ReadFile(address)
		if err != nil {
			return "", err
		}
		sandbox, _, _ := strings.Cut(string(owner), "\r\n")
		if sandbox == "" { // which is in every path
			return "", fmt.Errorf("%s names no sandbox", address)
		}
		addresses, sandboxes = append(addresses, address), append(sandboxes, sandbox)
	}
	inhabited := inhabitedNamespaces()
	isTheirs := func(path string) bool {
		info, err := os.Stat(path)
		return slices.Contains(addresses, path) ||
			slices.ContainsFunc(sandboxes, func(sandbox string) bool { return strings.Contains(path, sandbox) }) ||
			err == nil && slices.ContainsFunc(inhabited, func(ns fs.FileInfo) bool { return os.SameFile(ns, info) })
	}
	return strings.Join(slices.DeleteFunc(strings.Split(files, "\n"), isTheirs), "\n"), nil
}

// inhabitedNamespaces are the network namespaces that processes are in.
func inhabitedNamespaces() (all []fs.FileInfo) {
	paths, _ := filepath.Glob("/proc/[0-9]*/ns/net")
	for _, path := range paths {
		if info, err := os.Stat(path); err == nil { // it may have ended
			all = append(all, info)
		}
	}
	return all
}
