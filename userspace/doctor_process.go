package userspace

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/userspace-cni/userspace-cni/pkg/procfs"
	"github.com/userspace-cni/userspace-cni/pkg/shareddir"
)

const (
	// filesPerEndpoint is how many open files of VPP's a connected memif takes.
	filesPerEndpoint = 6
	// roomWanted is how many more endpoints there should be room for.
	roomWanted = 100
)

// process is VPP's, or the outcome of checks that can't look at it.
func (p *patient) process() (procfs.Process, *diagnosis) {
	var why diagnosis
	switch pid := p.vpp.Process.PID; {
	case p.vppErr != nil:
		why = unasked()
	case p.vpp.NoProcess != nil:
		why = skipped("not known: "+p.vpp.NoProcess.Error(), "")
	case pid == 0:
		why = skipped("not known: VPP's process can't be seen from this PID namespace", "run this on the node itself, or in a pod with hostPID: true")
	default:
		return p.proc.Process(pid), nil
	}
	return "", &why
}

// unseen is the outcome where VPP's process doesn't let itself be looked at.
func unseen(err error) diagnosis {
	if errors.Is(err, fs.ErrPermission) {
		return skipped("not known: "+err.Error(), "run this as root")
	}
	return skipped("not known: "+err.Error(), "")
}

// fileDescriptors counts how many endpoints VPP has room for: memif says -14 to
// the one that is too many.
func (p *patient) fileDescriptors(context.Context) diagnosis {
	process, why := p.process()
	if why != nil {
		return *why
	}
	open, limit, err := process.Files()
	if err != nil {
		return unseen(err)
	}
	room := (max(limit, open) - open) / filesPerEndpoint
	found := fmt.Sprintf("VPP has %d of at most %d open: room for %d more connected memifs", open, limit, room)
	if room < roomWanted {
		return warning(found, "put LimitNOFILE=65536 under [Service] of VPP's unit (systemctl edit vpp), then restart VPP")
	}
	return well(found)
}

// capabilities: VPP enters a pod's network namespace for an abstract socket.
func (p *patient) capabilities(context.Context) diagnosis {
	process, why := p.process()
	if why != nil {
		return *why
	}
	able, err := process.Can(unix.CAP_SYS_ADMIN)
	if err != nil {
		return unseen(err)
	}
	if !able {
		return warning("VPP is without CAP_SYS_ADMIN: it can't make abstract sockets in pods' network namespaces",
			"put AmbientCapabilities=CAP_SYS_ADMIN under [Service] of VPP's unit (in a pod: securityContext.capabilities.add: [SYS_ADMIN]), then restart VPP")
	}
	return well("CAP_SYS_ADMIN, for abstract sockets")
}

// propagation is what makes a VPP in a container see what is mounted on the node.
const propagation = "run VPP on the node itself, or mount %[1]s into its container at the same path, with mountPropagation: HostToContainer"

// namespaceDirs are where runtimes keep network namespaces; one is mostly a link
// to the other.
var namespaceDirs = []string{"/run/netns", "/var/run/netns"}

// seesNamespaces looks at the directory and at what is mounted in it.
func (p *patient) seesNamespaces(context.Context) diagnosis {
	process, why := p.process()
	if why != nil {
		return *why
	}
	for _, dir := range namespaceDirs {
		entries, err := os.ReadDir(dir)
		if err != nil {
			continue
		}
		paths := []string{dir}
		for _, entry := range entries {
			paths = append(paths, filepath.Join(dir, entry.Name()))
		}
		return seesAll(process, paths, fmt.Sprintf("%s with %d network namespaces", dir, len(entries)), fmt.Sprintf(propagation, dir))
	}
	return skipped("there is no "+namespaceDirs[0]+" yet: no pod is running", "")
}

// podsDir is where the kubelet has pods' volumes.
const podsDir = "/var/lib/kubelet/pods"

func (p *patient) seesVolumes(context.Context) diagnosis {
	process, why := p.process()
	if why != nil {
		return *why
	}
	if _, err := os.Stat(podsDir); errors.Is(err, fs.ErrNotExist) {
		return skipped("there is no "+podsDir+": no kubelet has run a pod here", "")
	}
	return seesAll(process, []string{podsDir}, podsDir, fmt.Sprintf(propagation, podsDir))
}

// seesAll tells whether VPP sees all of these as we do. What has gone since they
// were listed is nobody's fault.
func seesAll(process procfs.Process, paths []string, what, mend string) diagnosis {
	for _, path := range paths {
		same, err := process.Sees(path)
		switch {
		case errors.Is(err, fs.ErrNotExist) && !isThere(path):
		case err != nil:
			return unseen(err)
		case !same:
			return failed("VPP, in a mount namespace of its own, does not see "+path, mend)
		}
	}
	return well("VPP sees " + what)
}

func isThere(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// reachesDirectories: VPP makes the sockets, in directories that are root's.
func (p *patient) reachesDirectories(context.Context) diagnosis {
	process, why := p.process()
	if why != nil {
		return *why
	}
	able, err := process.Can(unix.CAP_DAC_OVERRIDE)
	if err != nil {
		return unseen(err)
	}
	if uid := p.vpp.Process.UID; uid != 0 && !able {
		return warning(fmt.Sprintf("VPP runs as user %d: it can't make sockets in directories of root's", uid),
			"run VPP as root, or put AmbientCapabilities=CAP_DAC_OVERRIDE under [Service] of its unit; abstract sockets need neither")
	}
	paths := []string{existing(p.Links), existing(shareddir.DefaultBase)}
	return seesAll(process, paths, paths[0]+" and "+paths[1], fmt.Sprintf(propagation, p.Links+" and "+shareddir.DefaultBase))
}

// existing is the path, or the nearest directory above that is there.
func existing(path string) string {
	for !isThere(path) && path != "/" {
		path = filepath.Dir(path)
	}
	return path
}
