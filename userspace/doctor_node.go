package userspace

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/userspace-cni/userspace-cni/pkg/nodeconf"
	"github.com/userspace-cni/userspace-cni/pkg/shareddir"
)

func (p *patient) settings(context.Context) diagnosis {
	const path = nodeconf.DefaultPath
	if p.NodeErr != nil {
		return failed(p.NodeErr.Error(), "correct or remove "+path+"; it must be a file of root's that nobody else can write (chown root, chmod 644); until then every ADD fails")
	}
	info, err := os.Stat(path)
	if err != nil { // another error would be in NodeErr
		return well("there is no " + path + ": the defaults hold")
	}
	return well(fmt.Sprintf("%s, mode %#o", path, info.Mode().Perm()))
}

// hugepages: VPP does without, but not what polls in pods.
func (p *patient) hugepages(context.Context) diagnosis {
	pages, err := p.proc.HugePages()
	if err != nil {
		return skipped("not known: "+err.Error(), "")
	}
	const mend = "sysctl -w vm.nr_hugepages=1024, and the same in /etc/sysctl.d to keep it; then restart the kubelet, which counts them at its start"
	found := fmt.Sprintf("%d of %d KiB, %d free", pages.Total, pages.KiB, pages.Free)
	switch {
	case pages.Total == 0:
		return warning("none: VPP works without, but slower, and pods with DPDK or vhost-user need them", mend)
	case pages.Free == 0:
		return warning(found+": another pod with DPDK or vhost-user finds none", mend)
	}
	return well(found)
}

func (p *patient) recordsDir(context.Context) diagnosis {
	if err := p.Store.Writable(); err != nil {
		return failed(err.Error(), "make room for a writable directory at "+p.Node.RecordsDir+", or name another by recordsDir in the node settings, while no pod is attached")
	}
	return well(fmt.Sprintf("%d in %s", len(p.records), p.Node.RecordsDir))
}

func (p *patient) sharedDirs(context.Context) diagnosis {
	for _, dir := range []string{p.Links, shareddir.DefaultBase} {
		if err := shareddir.Writable(dir); err != nil {
			return failed(err.Error(), "make room for a writable directory at "+dir+"; networks may name another place than "+shareddir.DefaultBase+" by sharedDir")
		}
	}
	return well("can be made below " + shareddir.DefaultBase)
}

// cniBin is where runtimes look for plugins unless they are told otherwise.
const cniBin = "/opt/cni/bin"

// cniPlugins looks for a directory with this plugin and an IPAM plugin: the
// runtime gives one directory to both.
func (p *patient) cniPlugins(context.Context) diagnosis {
	dirs := append(filepath.SplitList(os.Getenv("CNI_PATH")), cniBin)
	if self, err := os.Executable(); err == nil {
		dirs = append(dirs, filepath.Dir(self))
	}
	slices.Sort(dirs)
	dirs = slices.Compact(dirs)
	ours := slices.DeleteFunc(slices.Clone(dirs), func(dir string) bool { return !isProgram(dir, "userspace") })
	for _, dir := range ours {
		if isProgram(dir, "host-local") {
			return well("userspace and host-local are in " + dir)
		}
	}
	if len(ours) > 0 {
		return warning("userspace is in "+ours[0]+", and host-local is not: networks with this IPAM fail",
			"put the CNI plugins (github.com/containernetworking/plugins) into "+ours[0])
	}
	return warning("there is no userspace in "+strings.Join(dirs, ", "), "copy this program to "+filepath.Join(cniBin, "userspace"))
}

func isProgram(dir, name string) bool {
	path := filepath.Join(dir, name)
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && unix.Access(path, unix.X_OK) == nil
}

// netDir is where runtimes look for network configurations.
const netDir = "/etc/cni/net.d"

// cniConfiguration looks for Multus: no runtime gives a pod a second network.
func (p *patient) cniConfiguration(context.Context) diagnosis {
	entries, err := os.ReadDir(netDir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return warning("there is no "+netDir, "on a node of Kubernetes: install a cluster network, and Multus; elsewhere nothing is amiss")
	case err != nil:
		return failed(err.Error(), "run this as root; the directory must be readable for the runtime")
	}
	for _, entry := range entries {
		if strings.Contains(entry.Name(), "multus") {
			return well("Multus: " + filepath.Join(netDir, entry.Name()))
		}
	}
	return warning("no file in "+netDir+" is of Multus", "install Multus (github.com/k8snetworkplumbingwg/multus-cni): pods get further networks by it")
}
