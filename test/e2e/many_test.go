package e2e

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/userspace-cni/userspace-cni/test/e2e/cluster"
)

// simple is a network of ours.
func simple(name, bridge, subnet string) map[string]any {
	return map[string]any{
		"cniVersion": "1.0.0", "type": "userspace", "name": name,
		"logFile": logFile(name), "logLevel": "info",
		"host": map[string]any{"engine": "vpp", "iftype": "memif", "netType": "bridge", "bridge": map[string]any{"bridgeName": bridge}},
		"ipam": map[string]any{"type": "host-local", "subnet": subnet},
	}
}

func logFile(network string) string { return "/var/log/userspace-" + network + ".log" }

// simplePod is a pod with networks, its sockets in a volume of its own. With a
// command it runs that instead of a VPP.
func simplePod(name, networks string, command ...string) *corev1.Pod {
	var now int64
	return &corev1.Pod{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"},
		ObjectMeta: metav1.ObjectMeta{Name: name, Annotations: map[string]string{"k8s.v1.cni.cncf.io/networks": networks}},
		Spec: corev1.PodSpec{
			TerminationGracePeriodSeconds: &now,
			Containers: []corev1.Container{{
				Name: "app", Image: "vpp-userspace-cni:latest", ImagePullPolicy: corev1.PullNever, Command: command,
				VolumeMounts: []corev1.VolumeMount{{Name: "shared-dir", MountPath: "/var/lib/cni/usrspcni/"}, {Name: "podinfo", MountPath: "/etc/podinfo"}},
			}},
			Volumes: []corev1.Volume{
				{Name: "shared-dir", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}},
				{Name: "podinfo", VolumeSource: corev1.VolumeSource{DownwardAPI: &corev1.DownwardAPIVolumeSource{Items: []corev1.DownwardAPIVolumeFile{
					{Path: "annotations", FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.annotations"}},
				}}}},
			},
		},
	}
}

// startPods starts pod-1 and so on, each with a VPP and one network.
func startPods(t *testing.T, count int) {
	t.Helper()
	apply(t, definition(t, simple("blue", "7", "10.70.0.0/16")))
	for i := range count {
		apply(t, simplePod(fmt.Sprintf("pod-%d", i+1), "blue"))
	}
	ready(t, count)
}

// TestMany creates and deletes 30 pods with two networks each, three times.
func TestMany(t *testing.T) {
	clean(t)
	const pods = 30
	apply(t, definition(t, simple("blue", "7", "10.70.0.0/16")), definition(t, simple("green", "8", "10.80.0.0/16")))
	for round := range 3 {
		begin := time.Now()
		var all []any
		for i := range pods {
			all = append(all, simplePod(fmt.Sprintf("many-%d", i), "blue,green", "/bin/sleep", "2147483647"))
		}
		apply(t, all...)
		ready(t, pods)
		up := time.Since(begin)
		checkMany(t, pods)
		deletePods(t)
		nothingLeft(t)
		t.Logf("round %d: %d pods with two networks each were ready after %.1f s, and gone %.1f s later; nothing is left",
			round+1, pods, up.Seconds(), (time.Since(begin) - up).Seconds())
	}
}

// checkMany checks that every pod's networks were made at the first attempt, and
// that no two have an address in common.
func checkMany(t *testing.T, pods int) {
	t.Helper()
	var list corev1.PodList
	if err := node.Get(t.Context(), podsPath, &list); err != nil {
		t.Fatal(err)
	}
	seen := map[string]string{}
	for _, pod := range list.Items {
		status := statusOf(t, &pod)
		if len(status) != 3 {
			t.Errorf("%s: network-status %+v", pod.Name, status)
		}
		for _, attachment := range status {
			for _, address := range attachment.IPs {
				if other := seen[address]; other != "" {
					t.Errorf("%s has the address %s of %s", pod.Name, address, other)
				}
				seen[address] = pod.Name
			}
		}
	}
	if len(seen) != 3*pods {
		t.Errorf("%d addresses, want %d", len(seen), 3*pods)
	}
	checkAttempts(t)
}

// checkAttempts checks that nothing that the plugin did failed. Multus 4.2.2 gives
// the API server a quarter of a second for an answer, twice, which is little while so
// many pods start on a small machine; then the kubelet tries again.
func checkAttempts(t *testing.T) {
	t.Helper()
	var failed corev1.EventList
	if err := node.Get(t.Context(), "/api/v1/namespaces/default/events?fieldSelector=reason=FailedCreatePodSandBox", &failed); err != nil {
		t.Fatal(err)
	}
	late := 0
	for _, event := range failed.Items {
		if strings.Contains(event.Message, "Multus: ") && strings.Contains(event.Message, "error waiting for pod") {
			late++
		} else {
			t.Errorf("%s: %s", event.InvolvedObject.Name, event.Message)
		}
	}
	if late > 0 {
		t.Logf("Multus did not get an answer of the API server in time, before calling a plugin: %d times", late)
	}
}

// TestFirstPing starts 20 pods, one after another, and tells how long each takes
// from its creation to its first ping, and how much of that the plugin takes, with
// the API server and without, beside the cluster's network.
func TestFirstPing(t *testing.T) {
	clean(t)
	const pods = 20
	withoutInstaller(t)
	token, err := node.NodeToken(t.Context(), "userspace", cluster.NodeName)
	const kubeconfig = "/run/network.kubeconfig"
	if err := errors.Join(err, cluster.WriteKubeconfig(kubeconfig, token)); err != nil {
		t.Fatal(err)
	}
	told := simple("blue", "7", "10.70.0.0/16")
	told["kubeconfig"] = kubeconfig
	apply(t, definition(t, told), definition(t, simple("green", "8", "10.80.0.0/16")), simplePod("pod-1", "blue"))
	ready(t, 1)
	to := statusOf(t, getPod(t, "pod-1"))[1].IPs[0]
	connected(t, "pod-1", 1)
	ours, clusters := watch(t, "userspace"), watch(t, "bridge")
	var totals []time.Duration
	for i := range pods {
		name := fmt.Sprintf("first-%d", i)
		begin := time.Now()
		apply(t, simplePod(name, "blue,green"))
		wait(t, startLimit, name+" pings", func(ctx context.Context) error {
			_, err := inPod(ctx, name, "usrsp-app", "ping", to, "--count=1", "--settle=10s")
			return err
		})
		totals = append(totals, time.Since(begin))
	}
	total := median(totals)
	t.Logf("%d pods from kubectl apply to the first ping, on %s: median %.2f s (%.2f to %.2f s); the median of ADD in that:",
		pods, host.Name, total.Seconds(), slices.Min(totals).Seconds(), slices.Max(totals).Seconds())
	for _, row := range []struct {
		what string
		adds []time.Duration
	}{
		{"the cluster's network, bridge with host-local", clusters("eth0")},
		{"userspace with host-local and the API server", ours("net1")},
		{"userspace with host-local alone", ours("net2")},
	} {
		if len(row.adds) != pods {
			t.Fatalf("%s: %d ADDs, want %d", row.what, len(row.adds), pods)
		}
		add := median(row.adds)
		t.Logf("%-45s %5.1f ms, %4.1f %%", row.what, add.Seconds()*1000, 100*add.Seconds()/total.Seconds())
	}
}

func median(of []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(of))
	return sorted[len(sorted)/2]
}
