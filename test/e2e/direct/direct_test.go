package direct

import (
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.fd.io/govpp/binapi/memif"

	"github.com/userspace-cni/userspace-cni/cnivpp/vpp"
	"github.com/userspace-cni/userspace-cni/pkg/contract"
	"github.com/userspace-cni/userspace-cni/test/e2e/cluster"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func apply(t *testing.T, manifest string) {
	t.Helper()
	must(t, cluster.Apply(t.Context(), manifest))
}

func wait(t *testing.T, what string, condition func(context.Context) error) {
	t.Helper()
	if err := cluster.Until(context.Background(), 30*time.Second, condition); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

// network makes a definition of a network of ours.
func network(t *testing.T, name, bridge, subnet string) {
	t.Helper()
	config, err := json.Marshal(map[string]any{
		"cniVersion": "1.0.0", "type": "userspace", "name": name,
		"host": map[string]any{"engine": "vpp", "iftype": "memif", "netType": "bridge", "bridge": map[string]any{"bridgeName": bridge}},
		"ipam": map[string]any{"type": "host-local", "subnet": subnet},
	})
	must(t, err)
	apply(t, fmt.Sprintf(`
apiVersion: k8s.cni.cncf.io/v1
kind: NetworkAttachmentDefinition
metadata: {name: %q}
spec: {config: %q}
`, name, config))
}

// TestMultus attaches two pods to two networks each, as a container runtime does:
// Multus' status and the plugin's annotations are there, CHECK passes, the pods ping,
// and DEL, after an interface is gone and twice, leaves nothing.
func TestMultus(t *testing.T) {
	network(t, "blue", "7", "10.70.0.0/16")
	network(t, "green", "8", "10.80.0.0/16")
	t.Cleanup(func() {
		wait(t, "nothing left", func(ctx context.Context) error { return control.Left(ctx, host, podsDir) })
	})
	pods := []*pod{newPod(t, "pod-1", "blue,green"), newPod(t, "pod-2", "blue,green")}
	ids := []string{strings.Repeat("1a", 32), strings.Repeat("2b", 32)}
	runtime, list := runtime(t)
	del := func(i int) error {
		return runtime.DelNetworkList(context.Background(), list, pods[i].sandbox(ids[i]))
	}

	var addresses [][]string
	for i, p := range pods {
		begin := time.Now()
		_, err := runtime.AddNetworkList(t.Context(), list, p.sandbox(ids[i]))
		must(t, err)
		t.Cleanup(func() { must(t, del(i)) })
		t.Logf("%s: ADD took %.2f s, with the cluster's network and two more", p.name, time.Since(begin).Seconds())
		addresses = append(addresses, checkAttached(t, p, ids[i]))
		must(t, runtime.CheckNetworkList(t.Context(), list, p.sandbox(ids[i])))
	}
	for _, p := range pods {
		p.configure(t, 2)
	}
	for i, p := range pods {
		for _, address := range addresses[1-i] {
			p.ping(t, address)
			t.Logf("%s pings %s", p.name, address)
		}
	}

	removeMemif(t)
	out, err := exec.Command(filepath.Join(bin, "userspace"), "check").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "create memif") {
		t.Fatalf("userspace check, after an interface is gone: %v, want what to create\n%s", err, out)
	}
	t.Logf("an interface is removed: userspace check:\n%s", out)

	for i, p := range pods {
		must(t, del(i))
		if left := p.entries(t); len(left) > 0 {
			t.Errorf("%s: annotation %s after DEL: %v", p.name, contract.AnnotationData, left)
		}
		must(t, del(i))
	}
}

// checkAttached checks what Multus and the plugin say of a pod, and returns its
// addresses on the two networks.
func checkAttached(t *testing.T, p *pod, id string) (addresses []string) {
	t.Helper()
	status, entries := p.status(t), p.entries(t)
	if len(status) != 3 || len(entries) != 2 {
		t.Fatalf("%s: network-status %+v, annotation %+v: want the cluster's network and two more", p.name, status, entries)
	}
	for i, want := range []attachment{{Name: "default/blue", Interface: "net1"}, {Name: "default/green", Interface: "net2"}} {
		got, entry := status[i+1], entries[want.Interface]
		if got.Name != want.Name || got.Interface != want.Interface || !strings.HasPrefix(got.MAC, "02:fe:") || len(got.IPs) != 1 {
			t.Fatalf("%s: network-status %+v, want %+v with a MAC and an address", p.name, got, want)
		}
		said := fmt.Sprint(entry.IPResult)
		if entry.ContainerID != id || "default/"+entry.Name != want.Name || !strings.Contains(said, got.IPs[0]) {
			t.Fatalf("%s: annotation %+v, want container %s and %+v", p.name, entry, id, got)
		}
		addresses = append(addresses, got.IPs[0])
	}
	return addresses
}

// removeMemif removes an interface behind the plugin's back.
func removeMemif(t *testing.T) {
	t.Helper()
	session, err := vpp.Connect(t.Context(), host.APISocket)
	must(t, err)
	defer session.Close()
	all, err := session.Interfaces(t.Context())
	must(t, err)
	found := slices.IndexFunc(all, func(i vpp.Interface) bool { return strings.HasPrefix(i.Name, "memif") })
	if found < 0 {
		t.Fatalf("no memif among %+v", all)
	}
	_, err = memif.NewServiceClient(session.Conn()).MemifDelete(t.Context(), &memif.MemifDelete{SwIfIndex: all[found].Index})
	must(t, err)
}
