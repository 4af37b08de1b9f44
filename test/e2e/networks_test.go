package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	interfaces "go.fd.io/govpp/binapi/interface"
	"go.fd.io/govpp/binapi/interface_types"
	"go.fd.io/govpp/binapi/memif"
	corev1 "k8s.io/api/core/v1"

	"github.com/userspace-cni/userspace-cni/cnivpp/vpp"
	"github.com/userspace-cni/userspace-cni/test/lab"
)

// TestRoutedDualStack applies examples/routed-dual-stack, with a second pod like the
// first and a third in another table: pods reach the gateway and one another by IPv4
// and IPv6, and the third reaches neither of them.
func TestRoutedDualStack(t *testing.T) {
	clean(t)
	const dir = "routed-dual-stack/"
	elsewhere := networkFields(t, dir+"network.yaml")
	elsewhere["name"], elsewhere["host"].(map[string]any)["vrf"] = "elsewhere", 43
	one := examplePod(t, dir+"pod.yaml")
	apply(t, network(t, dir+"network.yaml"), definition(t, elsewhere),
		one, likewise(one, "two", "routed"), likewise(one, "three", "elsewhere"))
	ready(t, 3)
	addresses := map[string][]string{}
	for pod, network := range map[string]string{one.Name: "routed", "two": "routed", "three": "elsewhere"} {
		status := attached(t, pod, network)[0]
		inSubnets(t, status, "10.1.0.0/24", "fd00:1::/64")
		addresses[pod] = status.IPs
		connected(t, pod, 1)
	}
	for _, to := range append([]string{"10.1.0.1", "fd00:1::1"}, addresses["two"]...) {
		t.Logf("%s: %s", one.Name, ping(t, one.Name, to))
	}
	// The third pod has the same first address as the first one in its own table.
	for _, to := range addresses["two"] {
		if to == addresses["three"][0] || to == addresses["three"][1] {
			to = addresses[one.Name][0]
		}
		if out, err := inPod(t.Context(), "three", "usrsp-app", "ping", to, "--count", "2"); err == nil {
			t.Errorf("a pod in another table reaches %s: %s", to, out)
		}
	}
}

// likewise is a pod like another, on another network.
func likewise(pod *corev1.Pod, name, network string) *corev1.Pod {
	pod = pod.DeepCopy()
	pod.Name, pod.Annotations["k8s.v1.cni.cncf.io/networks"] = name, network
	return pod
}

// uplink is how the example calls the interface to other nodes.
const uplink = "TenGigabitEthernet3/0/0"

// TestBridgeWithUplink applies examples/bridge-with-uplink. A second VPP is that of
// another node, at the other end of the uplink: its pod is reached in VLAN 100, and
// another in VLAN 200 is not.
func TestBridgeWithUplink(t *testing.T) {
	clean(t)
	other := otherNode(t)
	const dir = "bridge-with-uplink/"
	one := examplePod(t, dir+"pod.yaml")
	there, elsewhere := fabric(t, other, "there", 2, 100), fabric(t, other, "elsewhere", 3, 200)
	apply(t, network(t, dir+"network.yaml"), there, elsewhere,
		one, likewise(one, "two", "there"), likewise(one, "three", "elsewhere"))
	ready(t, 3)
	inSubnets(t, attached(t, one.Name, "fabric-100")[0], "10.1.1.0/24")
	to := attached(t, "two", "there")[0]
	inSubnets(t, to, "10.1.2.0/24")
	stranger := attached(t, "three", "elsewhere")[0]
	inSubnets(t, stranger, "10.1.3.0/24")
	for _, pod := range []string{one.Name, "two", "three"} {
		connected(t, pod, 1)
	}
	carriesVLAN(t, uplink+".1000100", 100)
	t.Logf("%s: %s", one.Name, ping(t, one.Name, to.IPs[0]))
	if out, err := inPod(t.Context(), one.Name, "usrsp-app", "ping", stranger.IPs[0], "--count", "2"); err == nil {
		t.Errorf("a pod in another VLAN is reached: %s", out)
	}
}

// fabric is the example's network on another node's VPP, with another range of
// addresses and perhaps another VLAN.
func fabric(t *testing.T, node *lab.VPP, name string, third, vlan int) string {
	t.Helper()
	fields := networkFields(t, "bridge-with-uplink/network.yaml")
	fields["name"], fields["vppApiSocket"] = name, node.APISocket
	fields["host"].(map[string]any)["bridge"].(map[string]any)["vlanId"] = vlan
	ipam := fields["ipam"].(map[string]any)
	ipam["rangeStart"], ipam["rangeEnd"] = fmt.Sprintf("10.1.%d.1", third), fmt.Sprintf("10.1.%d.254", third)
	return definition(t, fields)
}

// otherNode starts another node's VPP, whose uplink is connected with this one's.
// Both uplinks go once the pods have gone, however the test ends.
func otherNode(t *testing.T) *lab.VPP {
	t.Helper()
	other, err := lab.StartVPP(host.Engine, "/run/vpp-2", "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		deletePods(t)
		for _, v := range []*lab.VPP{host, other} {
			onlyUplink(t, v)
			must(t, onVPP(v, removeUplink))
		}
		must(t, other.Kill())
	})
	must(t, onVPP(host, makeUplink(memif.MEMIF_ROLE_API_MASTER)))
	must(t, onVPP(other, makeUplink(memif.MEMIF_ROLE_API_SLAVE)))
	return other
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// onVPP does what an administrator does.
func onVPP(v *lab.VPP, do func(context.Context, *vpp.Session) error) error {
	ctx := context.Background()
	session, err := vpp.Connect(ctx, v.APISocket)
	if err != nil {
		return err
	}
	defer session.Close()
	return do(ctx, session)
}

// onlyUplink waits until nothing but the uplink is left on a VPP.
func onlyUplink(t *testing.T, v *lab.VPP) {
	t.Helper()
	want := fmt.Sprintf("interface %s tag \"\"\nmemif socket %d %s", uplink, uplinkSocket, wire)
	wait(t, 30*time.Second, "only the uplink left", func(context.Context) error {
		left, err := v.Left()
		if err == nil && left != want {
			err = fmt.Errorf("left behind:\n%s\nwant\n%s", left, want)
		}
		return err
	})
}

// The memif socket that stands for the wire between the nodes.
const (
	uplinkSocket = 9
	wire         = "/run/uplink.sock"
)

func makeUplink(role memif.MemifRole) func(context.Context, *vpp.Session) error {
	return func(ctx context.Context, s *vpp.Session) error {
		client, ports := memif.NewServiceClient(s.Conn()), interfaces.NewServiceClient(s.Conn())
		socket := &memif.MemifSocketFilenameAddDelV2{IsAdd: true, SocketID: uplinkSocket, SocketFilename: wire}
		if _, err := client.MemifSocketFilenameAddDelV2(ctx, socket); err != nil {
			return err
		}
		made, err := client.MemifCreateV2(ctx, &memif.MemifCreateV2{SocketID: uplinkSocket, Role: role})
		if err != nil {
			return err
		}
		if _, err := ports.SwInterfaceSetInterfaceName(ctx, &interfaces.SwInterfaceSetInterfaceName{SwIfIndex: made.SwIfIndex, Name: uplink}); err != nil {
			return err
		}
		_, err = ports.SwInterfaceSetFlags(ctx, &interfaces.SwInterfaceSetFlags{SwIfIndex: made.SwIfIndex, Flags: interface_types.IF_STATUS_API_FLAG_ADMIN_UP})
		return err
	}
}

func removeUplink(ctx context.Context, s *vpp.Session) error {
	index, err := s.Index(ctx, uplink)
	if err != nil {
		return err
	}
	client := memif.NewServiceClient(s.Conn())
	if _, err := client.MemifDelete(ctx, &memif.MemifDelete{SwIfIndex: index}); err != nil {
		return err
	}
	_, err = client.MemifSocketFilenameAddDelV2(ctx, &memif.MemifSocketFilenameAddDelV2{SocketID: uplinkSocket})
	return err
}

// carriesVLAN checks that the node's VPP has a sub-interface for a VLAN that is up,
// in a bridge domain with one more port.
func carriesVLAN(t *testing.T, name string, vlan uint32) {
	t.Helper()
	must(t, onVPP(host, func(ctx context.Context, s *vpp.Session) error {
		port, err := s.Interface(ctx, name)
		if err != nil || port == nil {
			return fmt.Errorf("there is no %s: %w", name, err)
		}
		if !port.Up || port.VLAN != vlan {
			return fmt.Errorf("%+v: want VLAN %d, up", port, vlan)
		}
		return nil
	}))
	if objects, err := host.Left(); err != nil || !strings.Contains(objects, " with 2 ports") {
		t.Errorf("no bridge domain with two ports: %v\n%s", err, objects)
	}
}
