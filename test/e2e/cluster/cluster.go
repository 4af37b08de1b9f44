package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Where a node has its networks' configurations and their plugins.
const (
	NetworksDir = "/etc/cni/net.d"
	PluginsDir  = "/opt/cni/bin"
)

// Cluster is one that runs.
type Cluster struct {
	// Etcd to Kubelet are its programs, which may be stopped and started again.
	Etcd, API, Controllers, Scheduler, Containerd, Kubelet *Program

	bin      string // our own programs, and the plugins of containernetworking
	cache    string // everybody else's
	logs     string
	admin    *api
	programs []*Program
	imported map[string]bool // images, by name
}

// New describes a cluster of the programs in bin and in the cache that fetch
// fills. Nothing runs yet.
func New(bin, cache string) (*Cluster, error) {
	c := &Cluster{bin: bin, cache: cache, logs: filepath.Join(cache, "logs"), admin: newAPI(tokens["admin"].token), imported: map[string]bool{}}
	if err := errors.Join(os.RemoveAll(c.logs), os.MkdirAll(c.logs, 0o755)); err != nil {
		return nil, err
	}
	path := []string{filepath.Join(cache, "bin"), filepath.Join(cache, "deb/usr/bin"), filepath.Join(cache, "deb/usr/sbin"), os.Getenv("PATH"), "/usr/sbin:/sbin"}
	libraries, _ := filepath.Glob(filepath.Join(cache, "deb/usr/lib/*-linux-gnu")) // runc's
	return c, errors.Join(
		os.Setenv("PATH", strings.Join(path, ":")),
		os.Setenv("LD_LIBRARY_PATH", strings.Join(libraries, ":")),
		os.Setenv("KUBECONFIG", adminKubeconfig))
}

// Cached is a file of the cache.
func (c *Cluster) Cached(path string) string { return filepath.Join(c.cache, path) }

// step is one of those that bring up a cluster.
type step struct {
	what string
	do   func(context.Context) error
}

// Up starts the cluster, and returns once its node is ready.
func (c *Cluster) Up(ctx context.Context, images ...Image) error {
	return inOrder(ctx,
		step{"etcd and API server", c.startStore},
		step{"controllers", c.startControllers},
		step{"Multus", c.installMultus},
		step{"containerd", c.startContainerd},
		step{"images", func(ctx context.Context) error { return c.Import(ctx, append(images, c.pause())...) }},
		step{"kubelet", c.startKubelet},
	)
}

// bare are objects that the controller manager and the kubelet make.
const bare = `
apiVersion: v1
kind: ServiceAccount
metadata: {name: default, namespace: default}
---
apiVersion: v1
kind: Node
metadata: {name: ` + NodeName + `}
`

// UpWithoutKubelet starts etcd and the API server alone, and installs Multus: pods
// are objects, and who calls Multus for them is their runtime.
func (c *Cluster) UpWithoutKubelet(ctx context.Context) error {
	return inOrder(ctx,
		step{"etcd and API server", c.startStore},
		step{"objects of the controller manager and the kubelet", func(ctx context.Context) error { return Apply(ctx, bare) }},
		step{"Multus", c.installMultus},
	)
}

func inOrder(ctx context.Context, steps ...step) error {
	for _, step := range steps {
		if err := step.do(ctx); err != nil {
			return fmt.Errorf("%s: %w", step.what, err)
		}
	}
	return nil
}

// Down stops what runs, the last started first.
func (c *Cluster) Down() {
	for i := len(c.programs) - 1; i >= 0; i-- {
		if p := c.programs[i]; p.cmd != nil {
			p.Stop()
		}
	}
}

// Tail is the last that every program wrote, for somebody who looks for a reason.
func (c *Cluster) Tail() string {
	var all strings.Builder
	for _, p := range c.programs {
		fmt.Fprintf(&all, "--- %s\n%s\n", filepath.Base(p.name), p.Tail())
	}
	return all.String()
}

// Kubectl runs kubectl as the cluster's administrator and returns what it prints.
func Kubectl(ctx context.Context, stdin string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "kubectl", args...)
	cmd.Stdin = strings.NewReader(stdin)
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		return string(out), fmt.Errorf("kubectl %s: %w\n%s%s", strings.Join(args, " "), err, out, errs.String())
	}
	return string(out), nil
}

// Apply makes or changes the objects in a manifest.
func Apply(ctx context.Context, manifest string) error {
	_, err := Kubectl(ctx, manifest, "apply", "-f", "-")
	return err
}
