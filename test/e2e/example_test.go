package e2e

import (
	"encoding/json"
	"net/netip"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/userspace-cni/userspace-cni/pkg/contract"
)

// attachment is what Multus writes of a network into a pod's network-status.
type attachment struct {
	Name      string
	Interface string
	IPs       []string
	MAC       string
	Default   bool
}

func statusOf(t *testing.T, pod *corev1.Pod) []attachment {
	t.Helper()
	var all []attachment
	if err := json.Unmarshal([]byte(pod.Annotations["k8s.v1.cni.cncf.io/network-status"]), &all); err != nil {
		t.Fatalf("%s: network-status: %v", pod.Name, err)
	}
	return all
}

// TestExample applies examples/vpp-memif-ping, and does what its README says.
func TestExample(t *testing.T) {
	clean(t, "/run/vpp/pod-1", "/run/vpp/pod-2")
	const dir = "vpp-memif-ping/userspace-vpp-"
	apply(t, network(t, dir+"netAttach-1.yaml"), network(t, dir+"netAttach-2.yaml"))
	pods := []*corev1.Pod{examplePod(t, dir+"pod-1.yaml"), examplePod(t, dir+"pod-2.yaml")}
	apply(t, pods[0], pods[1])
	ready(t, len(pods))

	var addresses [][]string
	for i, pod := range pods {
		pods[i] = getPod(t, pod.Name)
		addresses = append(addresses, checkStatus(t, pods[i]))
		checkContract(t, pods[i])
	}
	for _, pod := range pods {
		t.Logf("%s: usrsp-app show\n%s", pod.Name, connected(t, pod.Name, 2))
	}
	for i, pod := range pods {
		for _, address := range addresses[1-i] {
			t.Logf("%s: %s", pod.Name, ping(t, pod.Name, address))
		}
	}
}

// checkStatus checks what Multus says of the pod's two networks, and returns their
// addresses.
func checkStatus(t *testing.T, pod *corev1.Pod) (addresses []string) {
	t.Helper()
	status := statusOf(t, pod)
	if len(status) != 3 || !status[0].Default {
		t.Fatalf("%s: network-status %+v, want the cluster's and two more", pod.Name, status)
	}
	for i, network := range []struct{ name, iface, subnet string }{
		{"default/userspace-vpp-net-1", "net1", "10.56.217.0/24"},
		{"default/userspace-vpp-net-2", "net2", "10.77.217.0/24"},
	} {
		got := status[i+1]
		if got.Name != network.name || got.Interface != network.iface || !strings.HasPrefix(got.MAC, "02:fe:") || len(got.IPs) != 1 {
			t.Fatalf("%s: network-status %+v, want %+v with a MAC and an address", pod.Name, got, network)
		}
		address, err := netip.ParseAddr(got.IPs[0])
		if err != nil || !netip.MustParsePrefix(network.subnet).Contains(address) {
			t.Fatalf("%s: address %s, want one of %s", pod.Name, got.IPs[0], network.subnet)
		}
		t.Logf("%s: network-status: %s on %s: %s, MAC %s", pod.Name, got.Name, got.Interface, got.IPs[0], got.MAC)
		addresses = append(addresses, got.IPs[0])
	}
	return addresses
}

// checkContract checks what the plugin wrote for the pod.
func checkContract(t *testing.T, pod *corev1.Pod) {
	t.Helper()
	var entries []contract.Entry
	data := pod.Annotations["userspace/configuration-data"]
	if err := json.Unmarshal([]byte(data), &entries); err != nil {
		t.Fatalf("%s: configuration-data %q: %v", pod.Name, data, err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.IfName)
	}
	slices.Sort(names)
	if !slices.Equal(names, []string{"net1", "net2"}) {
		t.Fatalf("%s: configuration-data has %v, want net1 and net2:\n%s", pod.Name, names, data)
	}
	if dir := pod.Annotations["userspace/mapped-dir"]; dir != "/var/lib/cni/usrspcni/" {
		t.Errorf("%s: mapped-dir %q", pod.Name, dir)
	}
}
