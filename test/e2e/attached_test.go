package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	nettypes "github.com/k8snetworkplumbingwg/network-attachment-definition-client/pkg/apis/k8s.cni.cncf.io/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/userspace-cni/userspace-cni/pkg/contract"
)

// attachment is what Multus writes of a network into a pod's network-status.
type attachment struct {
	Name       string
	Interface  string
	IPs        []string
	MAC        string
	Default    bool
	DeviceInfo *nettypes.DeviceInfo `json:"device-info"`
}

// statusOf is nil before Multus has written it.
func statusOf(t *testing.T, pod *corev1.Pod) []attachment {
	t.Helper()
	data := pod.Annotations["k8s.v1.cni.cncf.io/network-status"]
	if data == "" {
		return nil
	}
	var all []attachment
	if err := json.Unmarshal([]byte(data), &all); err != nil {
		t.Fatalf("%s: network-status: %v", pod.Name, err)
	}
	return all
}

// attached waits until a pod is attached to its networks, and checks what Multus and
// the plugin tell of them. It returns the first.
func attached(t *testing.T, name string, networks ...string) []attachment {
	t.Helper()
	var pod corev1.Pod
	wait(t, startLimit, name+" attached", func(ctx context.Context) error {
		if err := node.Get(ctx, podsPath+"/"+name, &pod); err != nil {
			return err
		}
		if statusOf(t, &pod) == nil {
			return fmt.Errorf("no network-status: %s", events(ctx, name))
		}
		return nil
	})
	checkContract(t, &pod, len(networks))
	status := statusOf(t, &pod)
	if len(status) != 1+len(networks) || !status[0].Default {
		t.Fatalf("%s: network-status %+v, want the cluster's and %q", name, status, networks)
	}
	for i, network := range networks {
		got := status[i+1]
		if got.Name != "default/"+network || got.Interface != ifName(i) || !strings.HasPrefix(got.MAC, "02:fe:") {
			t.Fatalf("%s: network-status %+v, want %s on %s with a MAC", name, got, network, ifName(i))
		}
		t.Logf("%s: network-status: %s on %s: %s, MAC %s", name, got.Name, got.Interface, strings.Join(got.IPs, ", "), got.MAC)
	}
	return status[1:]
}

// ifName is how Multus calls the interface of a pod's network.
func ifName(network int) string { return fmt.Sprintf("net%d", network+1) }

// checkContract checks that the plugin wrote about each of the pod's networks.
func checkContract(t *testing.T, pod *corev1.Pod, networks int) {
	t.Helper()
	var entries []contract.Entry
	data := pod.Annotations["userspace/configuration-data"]
	if err := json.Unmarshal([]byte(data), &entries); err != nil {
		t.Fatalf("%s: configuration-data %q: %v", pod.Name, data, err)
	}
	var names, want []string
	for _, e := range entries {
		names = append(names, e.IfName)
	}
	for i := range networks {
		want = append(want, ifName(i))
	}
	slices.Sort(names)
	if !slices.Equal(names, want) {
		t.Fatalf("%s: configuration-data has %v, want %v:\n%s", pod.Name, names, want, data)
	}
	if dir := pod.Annotations["userspace/mapped-dir"]; dir != "/var/lib/cni/usrspcni/" {
		t.Errorf("%s: mapped-dir %q", pod.Name, dir)
	}
}

// inSubnets checks that a network gave one address of each subnet.
func inSubnets(t *testing.T, network attachment, subnets ...string) {
	t.Helper()
	if len(network.IPs) != len(subnets) {
		t.Fatalf("%s: addresses %q, want one each of %q", network.Name, network.IPs, subnets)
	}
	for i, subnet := range subnets {
		address, err := netip.ParseAddr(network.IPs[i])
		if err != nil || !netip.MustParsePrefix(subnet).Contains(address) {
			t.Fatalf("%s: address %s, want one of %s", network.Name, network.IPs[i], subnet)
		}
	}
}
