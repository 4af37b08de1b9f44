package cluster

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/vishvananda/netlink"
)

// Addresses of the node and of the API server's service. There is no kube-proxy:
// the API server listens on the service's address itself.
const (
	NodeIP    = "10.254.254.1"
	serviceIP = "10.96.0.1"
	services  = "10.96.0.0/24"
	podCIDR   = "10.244.0.0/16"
)

// NodeName is the node's.
const NodeName = "node-1"

// global are the kernel's parameters that the kubelet sets for the whole machine.
// Here it writes to files of ours.
var global = []string{
	"vm/overcommit_memory", "vm/panic_on_oom", "kernel/panic", "kernel/panic_on_oops",
	"kernel/keys/root_maxkeys", "kernel/keys/root_maxbytes",
}

// furnishNode adds to the lab's namespaces what a node has.
func furnishNode() error {
	if err := ownOpt(); err != nil {
		return fmt.Errorf("an /opt of our own: %w", err)
	}
	for _, dir := range []string{"/etc/cni", "/etc/kubernetes", "/etc/containerd"} {
		_ = os.Remove(dir) // a link to the machine's
	}
	for _, dir := range []string{NetworksDir, PluginsDir, "/etc/kubernetes", "/etc/containerd", "/run/netns", "/var/lib/kubelet"} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	// As systemd has it: volumes and namespaces that are mounted later reach
	// containers that ask for them.
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_SHARED, ""); err != nil {
		return fmt.Errorf("share mounts with containers: %w", err)
	}
	if err := ownParameters(); err != nil {
		return fmt.Errorf("kernel parameters of our own: %w", err)
	}
	if err := syscall.Sethostname([]byte(NodeName)); err != nil {
		return err
	}
	return addAddresses()
}

// ownOpt lets files be put into /opt that the machine doesn't get.
func ownOpt() error {
	const upper, work = "/run/opt/upper", "/run/opt/work"
	for _, dir := range []string{upper, work} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	if err := syscall.Mount("overlay", "/opt", "overlay", 0, "lowerdir=/opt,upperdir="+upper+",workdir="+work); err != nil {
		return err
	}
	if err := os.MkdirAll("/opt/cni", 0o755); err != nil {
		return err
	}
	return syscall.Mount("tmpfs", "/opt/cni", "tmpfs", 0, "mode=755")
}

func ownParameters() error {
	for _, name := range global {
		path := filepath.Join("/proc/sys", name)
		data, err := os.ReadFile(path)
		if os.IsNotExist(err) {
			continue
		}
		if err != nil {
			return err
		}
		own := filepath.Join("/run/parameters", strings.ReplaceAll(name, "/", "."))
		if err := os.MkdirAll(filepath.Dir(own), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(own, data, 0o644); err != nil {
			return err
		}
		if err := syscall.Mount(own, path, "", syscall.MS_BIND, ""); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	return nil
}

func addAddresses() error {
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		return err
	}
	for _, address := range []string{NodeIP, serviceIP} {
		ip := &net.IPNet{IP: net.ParseIP(address).To4(), Mask: net.CIDRMask(32, 32)}
		if err := netlink.AddrAdd(lo, &netlink.Addr{IPNet: ip}); err != nil {
			return fmt.Errorf("address %s: %w", address, err)
		}
	}
	return nil
}
