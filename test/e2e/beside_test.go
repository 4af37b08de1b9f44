package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	nettypes "github.com/k8snetworkplumbingwg/network-attachment-definition-client/pkg/apis/k8s.cni.cncf.io/v1"

	"github.com/userspace-cni/userspace-cni/test/e2e/cluster"
)

const (
	// devices is where Multus keeps device information of CNI plugins.
	devices = "/run/k8s.cni.cncf.io/devinfo/cni"
	// mapped is where the pod has its shared directory.
	mapped = "/var/lib/cni/usrspcni/"
)

// TestBeside has usrsp-app in a container beside the application's. The pod has a
// memif and a vhost-user endpoint with a device each, of which network-status has
// device-info, and a memif without: app-netutil sees all three in the pod.
func TestBeside(t *testing.T) {
	clean(t, devices)
	use(t, node.AppNetutilImage(), nil)
	data, err := os.ReadFile("testdata/beside.yaml")
	if err != nil {
		t.Fatal(err)
	}
	pod := parsePod(t, string(data))
	pod.Spec.Containers[0].Command = cluster.VPPCommand()
	for i, kind := range besideKinds {
		apply(t, besideNetwork(t, kind, i))
	}
	apply(t, pod)
	podReady(t, pod.Name)
	networks := attached(t, pod.Name, besideName(0), besideName(1), besideName(2))
	for i := range networks {
		inSubnets(t, networks[i], besideSubnet(i))
	}
	checkDevices(t, networks)

	t.Log(eventually(t, "memif2/0   up     up ", func(ctx context.Context) (string, error) {
		return inContainer(ctx, pod.Name, "usrsp-app", "usrsp-app", "show")
	}))
	t.Log(eventually(t, " 4 received", func(ctx context.Context) (string, error) {
		return inContainer(ctx, pod.Name, "usrsp-app", "usrsp-app", "ping", "10.67.0.1", "--settle", "5s")
	}))

	read := appNetutil(t, pod.Name, 1+len(networks))
	for i, network := range networks {
		got := read[ifName(i)]
		if got.DeviceType != besideKinds[i] || got.Network.Mac != network.MAC || !slices.Equal(got.Network.IPs, network.IPs) {
			t.Errorf("app-netutil reads %+v, want a %s and what Multus says: %+v", got, besideKinds[i], network)
		}
		path := devicePath(got.Network.DeviceInfo)
		if network.DeviceInfo != nil && path != devicePath(network.DeviceInfo) {
			t.Errorf("app-netutil has the socket %s, Multus %s", path, devicePath(network.DeviceInfo))
		}
		if out, err := inContainer(t.Context(), pod.Name, "reader", "test", "-S", path); err != nil {
			t.Errorf("in the pod there is no socket %q: %v %s", path, err, out)
		}
	}
}

// besideKinds are those of the pod's networks, in the words of device information.
var besideKinds = []string{nettypes.DeviceInfoTypeMemif, nettypes.DeviceInfoTypeVHostUser, nettypes.DeviceInfoTypeMemif}

func besideName(network int) string { return fmt.Sprintf("beside-%d", network+1) }

func besideSubnet(network int) string { return fmt.Sprintf("10.67.%d.0/24", network) }

// besideNetwork is a routed network that takes device information.
func besideNetwork(t *testing.T, kind string, network int) string {
	t.Helper()
	return definition(t, map[string]any{
		"cniVersion": "1.0.0", "type": "userspace", "name": besideName(network),
		"capabilities": map[string]any{"CNIDeviceInfoFile": true},
		"host":         map[string]any{"engine": "vpp", "iftype": strings.ReplaceAll(kind, "-", ""), "netType": "interface"},
		"ipam":         map[string]any{"type": "host-local", "subnet": besideSubnet(network)},
	})
}

// checkDevices checks the device information that Multus has of the endpoints with a
// device: from the pod's view.
func checkDevices(t *testing.T, networks []attachment) {
	t.Helper()
	for i, kind := range besideKinds[:2] {
		device := networks[i].DeviceInfo
		if device == nil || device.Type != kind || !strings.HasPrefix(devicePath(device), mapped) {
			t.Fatalf("%s: device-info %+v, want a socket of kind %s in %s", networks[i].Name, device, kind, mapped)
		}
		t.Logf("%s: device-info: %s at %s", networks[i].Name, device.Type, devicePath(device))
	}
}

// devicePath is the path of a device's socket.
func devicePath(device *nettypes.DeviceInfo) string {
	switch {
	case device != nil && device.Memif != nil:
		return device.Memif.Path
	case device != nil && device.VhostUser != nil:
		return device.VhostUser.Path
	}
	return ""
}

// seen is what app-netutil says of an interface.
type seen struct {
	DeviceType string                 `json:"device-type"`
	Network    nettypes.NetworkStatus `json:"network-status"`
}

// appNetutil has app-netutil read the annotations in a running pod, until the kubelet
// has put what was written last into the pod's volume, too.
func appNetutil(t *testing.T, pod string, interfaces int) map[string]seen {
	t.Helper()
	all := map[string]seen{}
	wait(t, startLimit, "app-netutil", func(ctx context.Context) error {
		out, err := inContainer(ctx, pod, "reader", "app-netutil", "/etc/podinfo")
		if err != nil {
			return err
		}
		var answer struct{ Interface []seen }
		if err := json.Unmarshal([]byte(out), &answer); err != nil {
			return err
		}
		for _, i := range answer.Interface {
			all[i.Network.Interface] = i
		}
		if len(all) != interfaces || len(answer.Interface) != interfaces {
			return fmt.Errorf("want %d interfaces: %s", interfaces, out)
		}
		return nil
	})
	return all
}
