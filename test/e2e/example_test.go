package e2e

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
)

// TestExample applies examples/vpp-memif-ping, and does what its README says.
func TestExample(t *testing.T) {
	clean(t, "/run/vpp/pod-1", "/run/vpp/pod-2")
	const dir = "vpp-memif-ping/userspace-vpp-"
	apply(t, network(t, dir+"netAttach-1.yaml"), network(t, dir+"netAttach-2.yaml"))
	pods := []*corev1.Pod{examplePod(t, dir+"pod-1.yaml"), examplePod(t, dir+"pod-2.yaml")}
	apply(t, pods[0], pods[1])
	ready(t, len(pods))

	var addresses [][]string
	for _, pod := range pods {
		networks := attached(t, pod.Name, "userspace-vpp-net-1", "userspace-vpp-net-2")
		inSubnets(t, networks[0], "10.56.217.0/24")
		inSubnets(t, networks[1], "10.77.217.0/24")
		addresses = append(addresses, []string{networks[0].IPs[0], networks[1].IPs[0]})
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
