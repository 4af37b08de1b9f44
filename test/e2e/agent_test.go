package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/userspace-cni/userspace-cni/test/e2e/cluster"
)

// startAgent runs the node agent as deploy/kubernetes does, and waits until it is
// ready. Its image is on the node and nowhere else.
func startAgent(t *testing.T) {
	t.Helper()
	data, err := os.ReadFile("../../deploy/kubernetes/userspace-node.yaml")
	if err != nil {
		t.Fatal(err)
	}
	documents := strings.Split(string(data), "\n---\n")
	var set appsv1.DaemonSet
	last := len(documents) - 1
	if err := yaml.UnmarshalStrict([]byte(documents[last]), &set); err != nil {
		t.Fatal(err)
	}
	set.Spec.Template.Spec.Containers[0].ImagePullPolicy = corev1.PullNever
	apply(t, strings.Join(documents[:last], "\n---\n"), &set)
	t.Cleanup(func() {
		_, err := cluster.Kubectl(context.Background(), string(data), "delete", "--wait", "--timeout=60s", "--ignore-not-found", "-f", "-")
		if err != nil {
			t.Error(err)
		}
		wait(t, startLimit, "agent gone", func(ctx context.Context) error {
			var list corev1.PodList
			if err := node.Get(ctx, "/api/v1/namespaces/kube-system/pods", &list); err != nil || len(list.Items) == 0 {
				return err
			}
			return fmt.Errorf("%s is still there", list.Items[0].Name)
		})
	})
	wait(t, startLimit, "node agent ready", func(ctx context.Context) error {
		if err := node.Get(ctx, "/apis/apps/v1/namespaces/kube-system/daemonsets/"+set.Name, &set); err != nil {
			return err
		}
		if set.Status.NumberReady == 1 {
			return nil
		}
		out, err := cluster.Kubectl(ctx, "", "-n", "kube-system", "describe", "pods")
		return errors.Join(err, errors.New(out))
	})
}

// TestAgent runs the node agent by its DaemonSet, and kills the node's VPP: the
// agent makes the pods' endpoints again, says so on the pods, and they ping.
func TestAgent(t *testing.T) {
	clean(t)
	startAgent(t)
	t.Log("the DaemonSet of deploy/kubernetes is ready")
	startPods(t, 2)
	connected(t, "pod-1", 1)
	to := statusOf(t, getPod(t, "pod-2"))[1].IPs[0]
	ping(t, "pod-1", to)

	if err := errors.Join(host.Kill(), host.Start()); err != nil {
		t.Fatal(err)
	}
	wait(t, time.Minute, "events of restored endpoints", func(ctx context.Context) error {
		for _, pod := range []string{"pod-1", "pod-2"} {
			if said := events(ctx, pod); !strings.Contains(said, "EndpointRestored") {
				return errors.New(said)
			}
		}
		return nil
	})
	connected(t, "pod-1", 1)
	connected(t, "pod-2", 1)
	ping(t, "pod-1", to)
	said := strings.Split(events(t.Context(), "pod-1"), "\n")
	said = slices.DeleteFunc(said, func(line string) bool { return !strings.HasPrefix(line, "Endpoint") })
	t.Logf("VPP was killed and started again; pod-1: %s", strings.Join(said, "; "))
	deletePods(t)
}
