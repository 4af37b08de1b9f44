package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/userspace-cni/userspace-cni/test/e2e/cluster"
	"github.com/userspace-cni/userspace-cni/test/lab"
)

// startLimit is the longest that pods may take to run: a kubelet that was told of
// an error tries again after some seconds.
const startLimit = 2 * time.Minute

const podsPath = "/api/v1/namespaces/default/pods"

// network is an example's network.
func network(t *testing.T, path string) string {
	t.Helper()
	return definition(t, networkFields(t, path))
}

// networkFields are those of an example's network.
func networkFields(t *testing.T, path string) map[string]any {
	t.Helper()
	config, err := lab.NetworkFromYAML("../../examples/" + path)
	if err != nil {
		t.Fatal(err)
	}
	var fields map[string]any
	if err := json.Unmarshal(config, &fields); err != nil {
		t.Fatal(err)
	}
	return fields
}

// definition is a network of ours as an object.
func definition(t *testing.T, fields map[string]any) string {
	t.Helper()
	config, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	object, err := json.Marshal(map[string]any{
		"apiVersion": "k8s.cni.cncf.io/v1", "kind": "NetworkAttachmentDefinition",
		"metadata": map[string]any{"name": fields["name"]}, "spec": map[string]any{"config": string(config)},
	})
	if err != nil {
		t.Fatal(err)
	}
	return string(object)
}

// examplePod is the pod that is all there is in a file of an example.
func examplePod(t *testing.T, path string) *corev1.Pod {
	t.Helper()
	return examplePods(t, path)[0].(*corev1.Pod)
}

// examplePods are the objects in a file of an example: pods, and what they need.
func examplePods(t *testing.T, path string) (objects []any) {
	t.Helper()
	data, err := os.ReadFile("../../examples/" + path)
	if err != nil {
		t.Fatal(err)
	}
	for document := range strings.SplitSeq(string(data), "\n---\n") {
		var is struct{ Kind string }
		if err := yaml.Unmarshal([]byte(document), &is); err != nil {
			t.Fatal(err)
		}
		if is.Kind == "Pod" {
			objects = append(objects, parsePod(t, document))
		} else {
			objects = append(objects, document)
		}
	}
	return objects
}

// parsePod reads a pod that is to end at once.
func parsePod(t *testing.T, document string) *corev1.Pod {
	t.Helper()
	var pod corev1.Pod
	if err := yaml.UnmarshalStrict([]byte(document), &pod); err != nil {
		t.Fatal(err)
	}
	var now int64
	pod.Spec.TerminationGracePeriodSeconds = &now
	return &pod
}

// manifest joins objects.
func manifest(t *testing.T, objects ...any) string {
	t.Helper()
	var documents []string
	for _, object := range objects {
		if text, ok := object.(string); ok {
			documents = append(documents, text)
			continue
		}
		data, err := yaml.Marshal(object)
		if err != nil {
			t.Fatal(err)
		}
		documents = append(documents, string(data))
	}
	return strings.Join(documents, "\n---\n")
}

func apply(t *testing.T, objects ...any) {
	t.Helper()
	if err := cluster.Apply(t.Context(), manifest(t, objects...)); err != nil {
		t.Fatal(err)
	}
}

// wait waits for a condition, and fails with what kept it from being met. It is
// used after a test, too, when the test's context has ended.
func wait(t *testing.T, limit time.Duration, what string, condition func(context.Context) error) {
	t.Helper()
	if err := cluster.Until(context.Background(), limit, condition); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

// use has the node have an image.
func use(t *testing.T, image cluster.Image, err error) {
	t.Helper()
	if err == nil {
		err = node.Import(t.Context(), image)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// getPod reads a pod.
func getPod(t *testing.T, name string) *corev1.Pod {
	t.Helper()
	var pod corev1.Pod
	if err := node.Get(t.Context(), podsPath+"/"+name, &pod); err != nil {
		t.Fatal(err)
	}
	return &pod
}

// ready waits until all pods of the default namespace are.
func ready(t *testing.T, pods int) {
	t.Helper()
	wait(t, startLimit, "pods ready", func(ctx context.Context) error {
		var list corev1.PodList
		if err := node.Get(ctx, podsPath, &list); err != nil {
			return err
		}
		count := 0
		var waiting string
		for _, pod := range list.Items {
			if isReady(&pod) {
				count++
			} else {
				waiting = pod.Name
			}
		}
		if count == pods {
			return nil
		}
		return fmt.Errorf("%d of %d pods are, and %s: %s", count, pods, waiting, events(ctx, waiting))
	})
}

// podReady waits until a pod is.
func podReady(t *testing.T, name string) {
	t.Helper()
	wait(t, startLimit, name+" ready", func(ctx context.Context) error {
		var pod corev1.Pod
		if err := node.Get(ctx, podsPath+"/"+name, &pod); err != nil || isReady(&pod) {
			return err
		}
		return errors.New(events(ctx, name))
	})
}

func isReady(pod *corev1.Pod) bool {
	for _, condition := range pod.Status.Conditions {
		if condition.Type == corev1.PodReady {
			return condition.Status == corev1.ConditionTrue
		}
	}
	return false
}

// events is what was said about a pod.
func events(ctx context.Context, pod string) string {
	var list corev1.EventList
	if err := node.Get(ctx, "/api/v1/namespaces/default/events?fieldSelector=involvedObject.name="+pod, &list); err != nil {
		return err.Error()
	}
	var lines []string
	for _, event := range list.Items {
		lines = append(lines, event.Reason+": "+event.Message)
	}
	return strings.Join(lines, "\n")
}

// deletePods deletes all pods of the default namespace, waits until they are gone,
// and forgets what was said about them.
func deletePods(t *testing.T) {
	t.Helper()
	ctx := context.Background()
	if err := node.DeleteAll(ctx, podsPath); err != nil {
		t.Fatal(err)
	}
	wait(t, startLimit, "pods gone", func(ctx context.Context) error {
		var list corev1.PodList
		if err := node.Get(ctx, podsPath, &list); err != nil || len(list.Items) == 0 {
			return err
		}
		return fmt.Errorf("%d are still there: %s: %s", len(list.Items), list.Items[0].Name, events(ctx, list.Items[0].Name))
	})
	if err := node.DeleteAll(ctx, "/api/v1/namespaces/default/events"); err != nil {
		t.Fatal(err)
	}
}

// clean makes sure that nothing is left of a test's pods once it has ended, however
// it ends. Directories are those that its pods share with the node.
func clean(t *testing.T, dirs ...string) {
	t.Helper()
	t.Cleanup(func() {
		deletePods(t)
		nothingLeft(t, dirs...)
	})
}

// inPod runs a command in a pod.
func inPod(ctx context.Context, pod string, command ...string) (string, error) {
	return kubectlExec(ctx, append([]string{pod, "--"}, command...)...)
}

// inContainer runs a command in one of a pod's containers.
func inContainer(ctx context.Context, pod, container string, command ...string) (string, error) {
	return kubectlExec(ctx, append([]string{pod, "-c", container, "--"}, command...)...)
}

func kubectlExec(ctx context.Context, args ...string) (string, error) {
	return cluster.Kubectl(ctx, "", append([]string{"exec"}, args...)...)
}

// logs reads what a pod has written.
func logs(pod string) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) { return cluster.Kubectl(ctx, "", "logs", pod) }
}

// eventually runs a command until it succeeds and its output has a text in it, and
// returns that.
func eventually(t *testing.T, text string, run func(context.Context) (string, error)) (out string) {
	t.Helper()
	wait(t, time.Minute, fmt.Sprintf("%q", text), func(ctx context.Context) (err error) {
		if out, err = run(ctx); err == nil && !strings.Contains(out, text) {
			err = errors.New(out)
		}
		return err
	})
	return out
}

// needVPP skips what the simulator can't do.
func needVPP(t *testing.T, why string) {
	t.Helper()
	if !host.Real {
		t.Skipf("%s: make e2e VPP=/path/to/vpp does it", why)
	}
}

// connected waits until a pod's interfaces are connected to the node's, and returns
// the table of them.
func connected(t *testing.T, pod string, interfaces int) (table string) {
	t.Helper()
	wait(t, time.Minute, pod+" connected", func(ctx context.Context) (err error) {
		if table, err = inPod(ctx, pod, "usrsp-app", "show"); err != nil {
			return err
		}
		if strings.Count(table, " of VPP") != interfaces {
			return errors.New(table)
		}
		return nil
	})
	return table
}

// ping pings an address from a pod until nothing is lost: VPPs on a machine that is
// too busy may answer later than ping waits.
func ping(t *testing.T, pod, address string) (out string) {
	t.Helper()
	wait(t, 30*time.Second, pod+" -> "+address, func(ctx context.Context) (err error) {
		out, err = inPod(ctx, pod, "usrsp-app", "ping", address, "--settle", "10s")
		if err == nil && !strings.Contains(out, " 4 received") {
			err = errors.New(out)
		}
		return err
	})
	return strings.TrimSpace(out)
}

// nothingLeft checks that nothing is left of a test's pods. The kubelet says that a
// pod is gone before containerd has forgotten its sandbox.
func nothingLeft(t *testing.T, dirs ...string) {
	t.Helper()
	wait(t, 30*time.Second, "nothing left", func(ctx context.Context) error { return node.Left(ctx, host, dirs...) })
}
