package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/userspace-cni/userspace-cni/test/e2e/cluster"
)

// thickManifest is Multus' multus-daemonset-thick.yml, with its image on the node.
func thickManifest(t *testing.T) (objects []any, set *appsv1.DaemonSet) {
	t.Helper()
	data, err := os.ReadFile(node.Cached("bin/multus-daemonset-thick.yml"))
	if err != nil {
		t.Fatal(err)
	}
	for document := range strings.SplitSeq(string(data), "\n---\n") {
		if !strings.Contains(document, "kind: DaemonSet") {
			objects = append(objects, document)
			continue
		}
		set = &appsv1.DaemonSet{}
		if err := yaml.UnmarshalStrict([]byte(document), set); err != nil {
			t.Fatal(err)
		}
		spec := &set.Spec.Template.Spec
		spec.Containers[0].ImagePullPolicy, spec.InitContainers[0].ImagePullPolicy = corev1.PullNever, corev1.PullNever
		objects = append(objects, set)
	}
	if set == nil {
		t.Fatal("Multus' manifest has no DaemonSet")
	}
	return objects, set
}

// thickImage is what the manifest names.
func thickImage(name string) cluster.Image {
	const dir = "usr/src/multus-cni/bin/"
	return cluster.Image{
		Name: name, Entrypoint: []string{"/" + dir + "multus-daemon"},
		Files: map[string]string{
			dir + "multus-daemon": node.Cached("bin/multus-daemon"),
			dir + "multus-shim":   node.Cached("bin/multus-shim"),
			dir + "passthru":      node.Cached("bin/passthru-cni"),
		},
		Texts: map[string]string{"etc/passwd": "root:x:0:0:root:/root:/bin/sh\n"}, // the daemon looks whether it is root
	}
}

// TestThick does what TestExample does, with Multus as a daemon, as its manifest runs
// it: chrooted, and with 50 MiB for itself and the plugins that it starts.
func TestThick(t *testing.T) {
	objects, set := thickManifest(t)
	if err := node.Import(t.Context(), thickImage(set.Spec.Template.Spec.Containers[0].Image)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_, err := cluster.Kubectl(context.Background(), "", "-n", "kube-system", "delete", "daemonset", set.Name, "--wait", "--timeout=60s", "--cascade=foreground")
		if err := errors.Join(err, node.ConfigureThin()); err != nil {
			t.Error(err)
		}
	})
	if err := node.OfferToThick(); err != nil {
		t.Fatal(err)
	}
	apply(t, objects...)
	wait(t, startLimit, "Multus' daemon ready", func(ctx context.Context) error {
		if err := node.Get(ctx, "/apis/apps/v1/namespaces/kube-system/daemonsets/"+set.Name, set); err != nil {
			return err
		}
		config, err := os.ReadFile(cluster.MultusConfig)
		if set.Status.NumberReady == 1 && strings.Contains(string(config), "multus-shim") {
			return nil
		}
		out, _ := cluster.Kubectl(ctx, "", "-n", "kube-system", "describe", "pods")
		return errors.Join(err, fmt.Errorf("%d are ready: %s", set.Status.NumberReady, out))
	})
	if err := node.ConfigureThick(); err != nil {
		t.Fatal(err)
	}
	t.Run("example", TestExample)
	said, err := cluster.Kubectl(t.Context(), "", "-n", "kube-system", "logs", "daemonset/"+set.Name)
	if err != nil {
		t.Fatal(err)
	}
	if t.Failed() || !strings.Contains(said, "ADD finished CNI request") || !strings.Contains(said, "DEL finished CNI request") {
		t.Errorf("the daemon said:\n%s", said)
	}
	pods := corev1.PodList{}
	if err := node.Get(t.Context(), "/api/v1/namespaces/kube-system/pods?labelSelector=name=multus", &pods); err != nil {
		t.Fatal(err)
	}
	for _, pod := range pods.Items {
		for _, container := range pod.Status.ContainerStatuses {
			t.Logf("Multus' daemon, with a limit of 50 MiB, was restarted %d times", container.RestartCount)
			if container.RestartCount > 0 {
				t.Errorf("why: %+v\n%s", container.LastTerminationState.Terminated, events(t.Context(), pod.Name))
			}
		}
	}
}
