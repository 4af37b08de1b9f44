package e2e

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/userspace-cni/userspace-cni/pkg/nodeconf"
	"github.com/userspace-cni/userspace-cni/test/e2e/cluster"
)

// Where the installation puts the plugin and its credentials.
var (
	plugin           = filepath.Join(cluster.PluginsDir, "userspace")
	pluginKubeconfig = filepath.Join(filepath.Dir(nodeconf.DefaultPath), nodeconf.KubeConfigName)
)

func kubectl(t *testing.T, args ...string) string {
	t.Helper()
	out, err := cluster.Kubectl(t.Context(), "", args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestInstall: what somebody else spoils of the plugin is put right, and a new
// release is installed while pods come.
func TestInstall(t *testing.T) {
	clean(t)
	want, err := os.ReadFile(filepath.Join(bin, "userspace"))
	if err != nil {
		t.Fatal(err)
	}
	installed := func(context.Context) error {
		data, err := os.ReadFile(plugin)
		if err == nil && !bytes.Equal(data, want) {
			err = errors.New("it is another program")
		}
		_, missing := os.Stat(pluginKubeconfig)
		return errors.Join(err, missing)
	}
	if err := errors.Join(os.WriteFile(plugin+".new", []byte("#!/bin/sh\nexit 1\n"), 0o755), os.Rename(plugin+".new", plugin), os.Remove(pluginKubeconfig)); err != nil {
		t.Fatal(err)
	}
	wait(t, startLimit, "plugin and credentials put right", installed)

	const release = "ghcr.io/userspace-cni/userspace-cni:next"
	old := installers(t)
	kubectl(t, "-n", "kube-system", "set", "image", "daemonset/userspace-install", "install="+release)
	t.Cleanup(func() {
		if err := install(context.Background()); err != nil {
			t.Error(err)
		}
	})
	startPods(t, 4)
	kubectl(t, "-n", "kube-system", "rollout", "status", "daemonset/userspace-install", "--timeout=60s")
	checkAttempts(t)
	if now := installers(t); now == old || !strings.Contains(now, release) {
		t.Errorf("the installer was %s and is %s", old, now)
	}
	if err := installed(t.Context()); err != nil {
		t.Error(err)
	}
	// The old one's token has ended with its pod: the plugin has the new one's.
	kubectl(t, "delete", "pod", "pod-1")
	apply(t, simplePod("pod-1", "blue"))
	ready(t, 4)
	checkAttempts(t)
	to := statusOf(t, getPod(t, "pod-2"))[1].IPs[0]
	connected(t, "pod-1", 1)
	t.Logf("pod-1, attached by the credentials of the next release: %s", ping(t, "pod-1", to))
}

// installers are the pods that install, with their images.
func installers(t *testing.T) string {
	t.Helper()
	return kubectl(t, "-n", "kube-system", "get", "pods", "-l", "app.kubernetes.io/name=userspace-install",
		"-o", "jsonpath={.items[*].metadata.name} {.items[*].spec.containers[0].image}")
}

// installAfterwards installs the plugin when the test has ended, for the next one.
func installAfterwards(t *testing.T) {
	t.Helper()
	t.Cleanup(func() {
		_, err1 := cluster.Kubectl(context.Background(), "", "label", "node", cluster.NodeName, "vswitch=vpp", "--overwrite")
		_, err2 := cluster.Kubectl(context.Background(), "", "delete", "-k", deployment+"/uninstall", "--ignore-not-found", "--wait", "--timeout=60s")
		if err := errors.Join(err1, err2, install(context.Background())); err != nil {
			t.Error(err)
		}
	})
}

// withoutInstaller leaves the plugin on the node as the test has it, and without
// credentials, until the test ends.
func withoutInstaller(t *testing.T) {
	t.Helper()
	installAfterwards(t)
	kubectl(t, "-n", "kube-system", "delete", "daemonset", "userspace-install", "--cascade=foreground", "--wait", "--timeout=60s")
	if err := os.Remove(pluginKubeconfig); err != nil {
		t.Fatal(err)
	}
}

// TestInstallDocument follows docs/install.md on a node without the plugin, from its
// first command to its last, which leaves the node as it was before.
func TestInstallDocument(t *testing.T) {
	clean(t, "/run/vpp/pod-1", "/run/vpp/pod-2")
	kubectl(t, "delete", "network-attachment-definitions", "--all")
	kubectl(t, "delete", "-k", deployment, "--wait", "--timeout=60s")
	if err := errors.Join(os.Remove(plugin), os.Remove(pluginKubeconfig)); err != nil {
		t.Fatal(err)
	}
	kubectl(t, "label", "node", cluster.NodeName, "vswitch-")
	installAfterwards(t)
	document, err := os.ReadFile("../../docs/install.md")
	if err != nil {
		t.Fatal(err)
	}
	steps := consoleSteps(string(document))
	if len(steps) < 10 {
		t.Fatalf("docs/install.md has %d commands", len(steps))
	}
	for _, s := range steps {
		out, err := s.run(t.Context())
		if err != nil {
			t.Fatalf("line %d: %s: %v\n%s", s.line, s.command, err, out)
		}
		if !s.matches(out) {
			t.Fatalf("line %d: %s\nprinted\n%s\nthe document says\n%s", s.line, s.command, out, s.output)
		}
		t.Logf("$ %s", s.command)
	}
	for _, path := range []string{plugin, pluginKubeconfig} {
		if _, err := os.Stat(path); err == nil {
			t.Errorf("%s is left", path)
		}
	}
	wait(t, startLimit, "nothing left in kube-system", func(ctx context.Context) error {
		left, err := cluster.Kubectl(ctx, "", "-n", "kube-system", "get", "daemonsets,pods", "-o", "name")
		if err == nil && left != "" {
			err = errors.New(left)
		}
		return err
	})
}
