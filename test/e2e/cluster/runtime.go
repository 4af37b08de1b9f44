package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

const containerdSocket = "/run/containerd/containerd.sock"

// containerdConfig leaves the kernel's out-of-memory score alone, which not every
// root may lower.
const containerdConfig = `version = 2
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "` + pauseImage + `"
  disable_apparmor = true
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      SystemdCgroup = false
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "` + PluginsDir + `"
    conf_dir = "` + NetworksDir + `"
`

func (c *Cluster) startContainerd(ctx context.Context) error {
	const path = "/etc/containerd/config.toml"
	if err := os.WriteFile(path, []byte(containerdConfig), 0o644); err != nil {
		return err
	}
	c.Containerd = c.program("containerd", "--config", path)
	if err := c.Containerd.Start(); err != nil {
		return err
	}
	return c.Containerd.until(ctx, "containerd", func(ctx context.Context) error { return ctr(ctx, "version") })
}

func ctr(ctx context.Context, args ...string) error {
	out, err := exec.CommandContext(ctx, "ctr", append([]string{"-n", "k8s.io"}, args...)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("ctr %s: %w: %s", strings.Join(args, " "), err, out)
	}
	return nil
}

// kubeletConfig has no swap, disk or firewall for the kubelet to look after.
const kubeletConfig = `apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: ` + NodeIP + `
readOnlyPort: 0
authentication: {anonymous: {enabled: true}, webhook: {enabled: false}}
authorization: {mode: AlwaysAllow}
cgroupDriver: cgroupfs
cgroupRoot: /%s
failSwapOn: false
failCgroupV1: false
containerRuntimeEndpoint: unix://` + containerdSocket + `
resolvConf: ""
makeIPTablesUtilChains: false
localStorageCapacityIsolation: false
evictionHard: {memory.available: 10Mi, nodefs.available: 1%%, nodefs.inodesFree: 1%%, imagefs.available: 1%%, imagefs.inodesFree: 1%%}
imageGCHighThresholdPercent: 100
maxPods: 200
kubeAPIQPS: 100
kubeAPIBurst: 200
`

func (c *Cluster) startKubelet(ctx context.Context) error {
	const path = kubernetes + "/kubelet.yaml"
	if err := os.WriteFile(path, fmt.Appendf(nil, kubeletConfig, os.Getenv(cgroupVariable)), 0o644); err != nil {
		return err
	}
	c.Kubelet = c.program("kubelet", "--config="+path, "--kubeconfig="+kubeconfig("kubelet"),
		"--cert-dir=/var/lib/kubelet/pki", "--hostname-override="+NodeName, "--node-ip="+NodeIP,
		"--node-labels=vswitch=vpp")
	if err := c.Kubelet.Start(); err != nil {
		return err
	}
	return c.Kubelet.until(ctx, "node", c.nodeReady)
}

func (c *Cluster) nodeReady(ctx context.Context) error {
	var node struct {
		Spec   struct{ Taints []struct{ Key string } }
		Status struct {
			Conditions []struct{ Type, Status, Message string }
		}
	}
	if err := c.Get(ctx, "/api/v1/nodes/"+NodeName, &node); err != nil {
		return err
	}
	for _, condition := range node.Status.Conditions {
		if condition.Type == "Ready" && condition.Status == "True" && len(node.Spec.Taints) == 0 {
			return nil
		}
		if condition.Type == "Ready" && condition.Status != "True" {
			return errors.New(condition.Message)
		}
	}
	return fmt.Errorf("not ready: %v", node)
}

// KillSandbox ends the process that holds a pod's namespaces.
func KillSandbox(ctx context.Context, id string) error {
	return ctr(ctx, "tasks", "kill", "--signal", "SIGKILL", id)
}
