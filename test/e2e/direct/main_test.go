package direct

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/userspace-cni/userspace-cni/pkg/nodeconf"
	"github.com/userspace-cni/userspace-cni/test/e2e/cluster"
	"github.com/userspace-cni/userspace-cni/test/lab"
)

var (
	// control is etcd and the API server.
	control *cluster.Cluster
	// host is the VPP of the node.
	host *lab.VPP
	// bin has the programs of this repository.
	bin = os.Getenv("USERSPACE_CNI_BIN")
)

func TestMain(m *testing.M) {
	code, err := run(m)
	if cannot := new(cluster.CannotRunError); errors.As(err, &cannot) {
		fmt.Printf("Not run: %v. It takes root, with namespaces and control groups of its own (in a container: --privileged).\n", cannot)
		code, err = 0, nil
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e-direct:", err)
		code = max(code, 1)
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	if bin == "" {
		fmt.Println("not asked for: \"make e2e-direct\" does")
		return 0, nil
	}
	entered, code, err := cluster.Enter()
	if !entered {
		return code, err
	}
	if err := up(); err != nil {
		if control != nil {
			err = fmt.Errorf("%w\n%s", err, control.Tail())
		}
		return 1, err
	}
	defer func() {
		control.Down()
		_ = host.Kill()
	}()
	return m.Run(), nil
}

// up brings up the API server and the node's VPP, and installs Multus and the plugin.
func up() error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	begin := time.Now()
	engine, found, err := lab.FindVPP()
	if err != nil {
		return err
	}
	if !found {
		engine = lab.Simulator(bin)
	}
	if control, err = cluster.New(bin, os.Getenv("USERSPACE_CNI_E2E_CACHE")); err != nil {
		return err
	}
	if host, err = lab.StartVPP(engine, "/run/vpp", ""); err != nil {
		return err
	}
	if err := control.UpWithoutKubelet(ctx); err != nil {
		return err
	}
	if err := install(ctx); err != nil {
		return err
	}
	fmt.Printf("The API server is ready after %.1f s; VPP is %s.\n", time.Since(begin).Seconds(), engine.Name)
	return nil
}

// kubeconfig are the plugin's credentials, where the installation has them.
var kubeconfig = filepath.Join(filepath.Dir(nodeconf.DefaultPath), nodeconf.KubeConfigName)

// install puts the plugin on the node, with an account that has the rights that
// deploy/kubernetes gives it.
func install(ctx context.Context) error {
	account, err := os.ReadFile("../../../deploy/kubernetes/userspace.yaml")
	if err != nil {
		return err
	}
	if err := cluster.Apply(ctx, string(account)); err != nil {
		return err
	}
	token, err := control.NodeToken(ctx, "userspace", cluster.NodeName)
	return errors.Join(err, cluster.WriteKubeconfig(kubeconfig, token), cluster.Install(filepath.Join(bin, "userspace")))
}
