package e2e

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/userspace-cni/userspace-cni/test/e2e/cluster"
)

// stopVPP stops the node's VPP, for one in a container, until the test ends.
func stopVPP(t *testing.T) {
	t.Helper()
	if err := host.Kill(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_, err := cluster.Kubectl(context.Background(), "", "delete", "-k", "../../deploy/vpp", "--ignore-not-found", "--wait", "--timeout=60s")
		wait(t, startLimit, "VPP's container gone, which takes its socket away", func(ctx context.Context) error {
			left, err := cluster.Kubectl(ctx, "", "-n", "kube-system", "get", "pods", "-l", "app.kubernetes.io/name=vpp", "-o", "name")
			if err == nil && left != "" {
				err = errors.New(left)
			}
			return err
		})
		if err := errors.Join(err, host.Start()); err != nil {
			t.Error(err)
		}
	})
}

// TestVPPInContainer runs the node's VPP by deploy/vpp: pods are attached and ping,
// and again after its container has been started anew.
func TestVPPInContainer(t *testing.T) {
	stopVPP(t)
	kubectl(t, "apply", "-k", "../../deploy/vpp")
	clean(t)
	kubectl(t, "-n", "kube-system", "rollout", "status", "daemonset/vpp", "--timeout=60s")
	startPods(t, 2)
	connected(t, "pod-1", 1)
	to := statusOf(t, getPod(t, "pod-2"))[1].IPs[0]
	t.Logf("VPP is in a container: %s", ping(t, "pod-1", to))

	kubectl(t, "-n", "kube-system", "delete", "pods", "-l", "app.kubernetes.io/name=vpp")
	kubectl(t, "-n", "kube-system", "rollout", "status", "daemonset/vpp", "--timeout=60s")
	wait(t, time.Minute, "endpoints restored", func(ctx context.Context) error {
		if said := events(ctx, "pod-2"); !strings.Contains(said, "EndpointRestored") {
			return errors.New(said)
		}
		return nil
	})
	connected(t, "pod-1", 1)
	t.Logf("after another VPP has come: %s", ping(t, "pod-1", to))
	deletePods(t)
}

// TestKind runs what "make kind" does, but for the cluster, which is this one, and
// the images, which are there: docker, kind and make say how they were called.
func TestKind(t *testing.T) {
	installAfterwards(t)
	stopVPP(t)
	clean(t, "/run/vpp/pod-1", "/run/vpp/pod-2")
	kubectl(t, "delete", "network-attachment-definitions", "--all")
	dir := t.TempDir()
	for _, name := range []string{"docker", "kind", "make"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\necho \"called: ${0##*/} $*\"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	nothing := filepath.Join(dir, "multus.yaml")
	if err := os.WriteFile(nothing, []byte("{apiVersion: v1, kind: ServiceAccount, metadata: {name: stands-for-multus}}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "./kind")
	cmd.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"), "MULTUS="+nothing, "KIND_FLAGS=--wait 1m")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{
		"called: make images IMAGES=userspace-cni vpp-userspace-cni",
		"called: kind create cluster --name userspace-cni --wait 1m",
		"called: kind load docker-image --name userspace-cni vpp-userspace-cni:latest",
		"called: kind load docker-image --name userspace-cni ghcr.io/userspace-cni/userspace-cni:latest",
		"called: kind delete cluster --name userspace-cni",
	} {
		if !strings.Contains(string(out), want) {
			t.Errorf("missing: %s", want)
		}
	}
	if count := strings.Count(string(out), " 4 received"); count != 2 {
		t.Errorf("%d pings, want 2", count)
	}
	if t.Failed() {
		t.Logf("%s", out)
	}
}
