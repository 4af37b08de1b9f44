package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/userspace-cni/userspace-cni/test/e2e/cluster"
	"github.com/userspace-cni/userspace-cni/test/lab"
)

var (
	// node is the cluster that all tests share.
	node *cluster.Cluster
	// host is the VPP of the node.
	host *lab.VPP
	// bin has the programs of this repository.
	bin = os.Getenv("USERSPACE_CNI_BIN")
)

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		code = max(code, 1)
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	if bin == "" {
		fmt.Println("not asked for: \"make e2e\" does")
		return 0, nil
	}
	entered, code, err := cluster.Enter()
	if !entered {
		return code, err
	}
	if err := up(); err != nil {
		if node != nil {
			err = fmt.Errorf("%w\n%s", err, node.Tail())
		}
		return 1, err
	}
	defer down()
	code = m.Run()
	return code, nil
}

// engine is VPP where VPP names one or PATH has one, else the simulator.
func engine() (lab.Engine, error) {
	vpp, found, err := lab.FindVPP()
	if err != nil || found {
		return vpp, err
	}
	return lab.Simulator(bin), nil
}

// up brings up the cluster, the node's VPP, and what users install.
func up() error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	begin := time.Now()
	engine, err := engine()
	if err != nil {
		return err
	}
	if node, err = cluster.New(bin, os.Getenv("USERSPACE_CNI_E2E_CACHE")); err != nil {
		return err
	}
	if host, err = lab.StartVPP(engine, "/run/vpp", ""); err != nil {
		return err
	}
	pods, err := node.PodImage(engine)
	if err != nil {
		return err
	}
	if err := node.Up(ctx, pods, nodeImage("latest"), nodeImage("next")); err != nil {
		return err
	}
	if err := install(ctx); err != nil {
		return err
	}
	fmt.Printf("The node is ready after %.1f s; its VPP, and the pods', is %s.\n", time.Since(begin).Seconds(), engine.Name)
	return nil
}

func down() {
	node.Down()
	_ = host.Kill()
}

// nodeImage is what deploy/kubernetes names, with a tag.
func nodeImage(tag string) cluster.Image {
	return cluster.Image{
		Name:       "ghcr.io/userspace-cni/userspace-cni:" + tag,
		Entrypoint: []string{"/usr/local/bin/userspace-node"},
		Files: map[string]string{
			"usr/local/bin/userspace-node": filepath.Join(bin, "userspace-node"),
			"usr/local/bin/userspace":      filepath.Join(bin, "userspace"),
		},
	}
}

// account is whom they are of, with the rights that deploy/kubernetes gives it.
func account() (string, error) {
	data, err := os.ReadFile("../../deploy/kubernetes/userspace.yaml")
	return string(data), err
}

// deployment is what users apply.
const deployment = "../../deploy/kubernetes"

// install puts the plugin and the agent on the node as users do.
func install(ctx context.Context) error {
	if _, err := cluster.Kubectl(ctx, "", "apply", "-k", deployment); err != nil {
		return err
	}
	for _, set := range []string{"userspace-install", "userspace-node"} {
		_, err := cluster.Kubectl(ctx, "", "-n", "kube-system", "rollout", "status", "daemonset/"+set, "--timeout=60s")
		if err != nil {
			pods, _ := cluster.Kubectl(ctx, "", "-n", "kube-system", "describe", "pods")
			return fmt.Errorf("%w\n%s", err, pods)
		}
	}
	return nil
}
