package cluster

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/vishvananda/netlink"
)

// LosePower ends every process of pods and their shims, and takes away the mounts,
// interfaces and files of pods that don't outlive a node's reboot. The kubelet,
// containerd and VPP have been stopped before.
func LosePower() error {
	if err := endPods(); err != nil {
		return err
	}
	for _, dir := range []string{"/run/containerd", "/run/netns", "/var/lib/kubelet/pods"} {
		if err := unmountBelow(dir); err != nil {
			return err
		}
	}
	for _, dir := range []string{"/run/containerd", "/run/netns", "/run/userspace-cni"} {
		if err := empty(dir); err != nil {
			return err
		}
	}
	bridge, err := netlink.LinkByName("cni0")
	if err != nil {
		return err
	}
	return netlink.LinkDel(bridge)
}

// endPods kills the shims, then whatever is in the pods' control groups.
func endPods() error {
	until := time.Now().Add(10 * time.Second)
	for {
		left := append(shims(), podProcesses()...)
		if len(left) == 0 {
			return nil
		}
		if time.Now().After(until) {
			return fmt.Errorf("processes %v don't end", left)
		}
		for _, pid := range left {
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
				return err
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func shims() (pids []int) {
	found, _ := filepath.Glob("/proc/[0-9]*/comm")
	for _, path := range found {
		name, _ := os.ReadFile(path)
		if strings.HasPrefix(string(name), "containerd-shim") {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
			pids = append(pids, pid)
		}
	}
	return pids
}

func podProcesses() (pids []int) {
	for _, dir := range hierarchies() {
		_ = filepath.WalkDir(filepath.Join(dir, os.Getenv(cgroupVariable)), func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.Name() != "cgroup.procs" {
				return nil //nolint:nilerr // control groups come and go
			}
			data, _ := os.ReadFile(path)
			for _, field := range strings.Fields(string(data)) {
				// Not those that are seen from here as 0: they are outside.
				if pid, _ := strconv.Atoi(field); pid > 0 && !slices.Contains(pids, pid) {
					pids = append(pids, pid)
				}
			}
			return nil
		})
	}
	return pids
}

// unmountBelow takes away what is mounted below a directory, the last first.
func unmountBelow(dir string) error {
	data, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return err
	}
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	slices.Reverse(lines)
	for _, line := range lines {
		path := strings.ReplaceAll(strings.Fields(line)[4], `\040`, " ")
		if !strings.HasPrefix(path, dir+"/") {
			continue
		}
		err := syscall.Unmount(path, syscall.MNT_DETACH)
		if errors.Is(err, syscall.ENOENT) {
			continue // the machine's own, below the /run that is ours
		}
		if err != nil {
			return fmt.Errorf("unmount %s: %w", path, err)
		}
	}
	return nil
}

// empty removes what is in a directory.
func empty(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	var failed []error
	for _, entry := range entries {
		failed = append(failed, os.RemoveAll(filepath.Join(dir, entry.Name())))
	}
	return errors.Join(failed...)
}
