package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/userspace-cni/userspace-cni/test/e2e/cluster"
)

// withIPAM is a network of ours whose addresses another plugin gives out.
func withIPAM(name string, ipam map[string]any) map[string]any {
	network := simple(name, "7", "")
	network["ipam"] = ipam
	return network
}

// installCached puts a plugin of the cache on the node.
func installCached(t *testing.T, path string) {
	t.Helper()
	if err := cluster.Install(node.Cached(path)); err != nil {
		t.Fatal(err)
	}
}

// TestStatic gives one pod the address that its network names, and another the one
// that it asks for itself.
func TestStatic(t *testing.T) {
	clean(t)
	installCached(t, "deb/usr/lib/cni/static")
	named := withIPAM("named", map[string]any{"type": "static", "addresses": []any{map[string]any{"address": "10.71.0.5/24"}}})
	asked := withIPAM("asked", map[string]any{"type": "static"})
	asked["capabilities"] = map[string]any{"ips": true}
	apply(t, definition(t, named), definition(t, asked))
	apply(t, simplePod("pod-1", "named"), simplePod("pod-2", `[{"name": "asked", "ips": ["10.71.0.6/24"]}]`))
	ready(t, 2)
	for pod, want := range map[string]string{"pod-1": "10.71.0.5", "pod-2": "10.71.0.6"} {
		if got := statusOf(t, getPod(t, pod))[1].IPs; len(got) != 1 || got[0] != want {
			t.Errorf("%s has %v, want %s", pod, got, want)
		}
		connected(t, pod, 1)
	}
	t.Log(ping(t, "pod-1", "10.71.0.6"))
	t.Log(ping(t, "pod-2", "10.71.0.5"))
	deletePods(t)
}

// TestWhereabouts gives pods addresses that whereabouts keeps in objects of the API
// server; they are free again once the pods are gone.
func TestWhereabouts(t *testing.T) {
	clean(t)
	installWhereabouts(t)
	apply(t, definition(t, withIPAM("everywhere", map[string]any{"type": "whereabouts", "range": "10.72.0.0/24"})))
	apply(t, simplePod("pod-1", "everywhere"), simplePod("pod-2", "everywhere"))
	ready(t, 2)
	connected(t, "pod-1", 1)
	connected(t, "pod-2", 1)
	t.Log(ping(t, "pod-1", statusOf(t, getPod(t, "pod-2"))[1].IPs[0]))
	if used := allocations(t); len(used) != 2 {
		t.Errorf("whereabouts has given out %v, want an address for each pod", used)
	}
	deletePods(t)
	nothingLeft(t)
	if used := allocations(t); len(used) != 0 {
		t.Errorf("whereabouts still has %v", used)
	}
}

const whereaboutsKubeconfig = cluster.NetworksDir + "/whereabouts.d/whereabouts.kubeconfig"

// installWhereabouts does what its DaemonSet does.
func installWhereabouts(t *testing.T) {
	t.Helper()
	data, err := os.ReadFile(node.Cached("bin/whereabouts.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var objects []any
	for document := range strings.SplitSeq(string(data), "\n---\n") {
		if !strings.Contains(document, "kind: DaemonSet") {
			objects = append(objects, document)
		}
	}
	apply(t, objects...)
	if _, err := cluster.Kubectl(t.Context(), "", "wait", "--for=condition=Established", "crd/ippools.whereabouts.cni.cncf.io", "--timeout=30s"); err != nil {
		t.Fatal(err)
	}
	token, err := node.Token(t.Context(), "whereabouts")
	if err := errors.Join(err, cluster.WriteKubeconfig(whereaboutsKubeconfig, token)); err != nil {
		t.Fatal(err)
	}
	settings := `{"datastore": "kubernetes", "kubernetes": {"kubeconfig": "` + whereaboutsKubeconfig + `"}}`
	if err := os.WriteFile(filepath.Join(filepath.Dir(whereaboutsKubeconfig), "whereabouts.conf"), []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	installCached(t, "bin/whereabouts")
}

// allocations are what whereabouts has given out, and to whom.
func allocations(t *testing.T) (all []string) {
	t.Helper()
	var pools struct {
		Items []struct {
			Spec struct {
				Allocations map[string]struct{ PodRef string }
			}
		}
	}
	if err := node.Get(t.Context(), "/apis/whereabouts.cni.cncf.io/v1alpha1/namespaces/kube-system/ippools", &pools); err != nil {
		t.Fatal(err)
	}
	for _, pool := range pools.Items {
		for offset, allocation := range pool.Spec.Allocations {
			all = append(all, offset+" to "+allocation.PodRef)
		}
	}
	return all
}

// TestDHCP has a network whose IPAM asks over a kernel interface: the pod's event
// says why that can't be.
func TestDHCP(t *testing.T) {
	clean(t)
	apply(t, definition(t, withIPAM("leased", map[string]any{"type": "dhcp"})), simplePod("pod-1", "leased"))
	const want = `ipam.type: "dhcp" is not allowed (it asks over an interface of the pod's kernel`
	wait(t, startLimit, "event", func(ctx context.Context) error {
		var list corev1.EventList
		if err := node.Get(ctx, "/api/v1/namespaces/default/events?fieldSelector=reason=FailedCreatePodSandBox", &list); err != nil {
			return err
		}
		for _, event := range list.Items {
			if strings.Contains(event.Message, want) {
				t.Log(event.Message)
				return nil
			}
		}
		return fmt.Errorf("no event with %q: %s", want, events(ctx, "pod-1"))
	})
	deletePods(t)
}
