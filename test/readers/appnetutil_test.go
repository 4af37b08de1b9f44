package readers

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"

	nettypes "github.com/k8snetworkplumbingwg/network-attachment-definition-client/pkg/apis/k8s.cni.cncf.io/v1"
	apputil "github.com/openshift/app-netutil/lib/v1alpha"
	"github.com/openshift/app-netutil/pkg/types"
)

// interfaces are those that app-netutil finds in a file of annotations, by the
// interface's name.
func interfaces(t *testing.T, annotations []byte) map[string]*types.InterfaceData {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "annotations"), annotations, 0o600); err != nil {
		t.Fatal(err)
	}
	apputil.SetDownwardAPIMountPath(dir)
	response, err := apputil.GetInterfaces()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]*types.InterfaceData{}
	for _, data := range response.Interface {
		all[data.NetworkStatus.Interface] = data
	}
	if len(all) != len(response.Interface) {
		t.Errorf("%d interfaces have %d names", len(response.Interface), len(all))
	}
	return all
}

// TestAppNetutil: it finds every interface, whichever of them Multus has put
// into network-status, and where its socket is.
func TestAppNetutil(t *testing.T) {
	annotations, err := os.ReadFile("../../pkg/contract/testdata/annotations.golden")
	if err != nil {
		t.Fatal(err)
	}
	all := interfaces(t, annotations)
	if len(all) != 5 || all["eth0"] == nil {
		t.Errorf("interfaces: %v", all)
	}
	memif := func(socket string) *nettypes.DeviceInfo {
		return &nettypes.DeviceInfo{
			Type: "memif", Version: nettypes.DeviceInfoVersion,
			Memif: &nettypes.MemifDevice{Role: "slave", Mode: "ethernet", Path: "/usrspcni/" + socket},
		}
	}
	for name, want := range map[string]struct {
		network string
		ips     []string
		device  *nettypes.DeviceInfo
	}{
		"net1": {"userspace-vpp-net-1", []string{"10.56.217.131", "fd00:56::83"}, memif("memif-net1-65b1a7a4.sock")},
		"net2": {"default/bridged", nil, memif("memif-net2.sock")},
		"net3": {"vhost", []string{"10.56.217.131", "fd00:56::83"}, &nettypes.DeviceInfo{
			Type: "vhost-user", Version: nettypes.DeviceInfoVersion,
			VhostUser: &nettypes.VhostDevice{Mode: "client", Path: "/usrspcni/vhost-net3.sock"},
		}},
	} {
		got := all[name]
		if got == nil {
			t.Errorf("%s is missing", name)
			continue
		}
		if got.NetworkStatus.Name != want.network || !reflect.DeepEqual(got.NetworkStatus.IPs, want.ips) {
			t.Errorf("%s: network %s, IPs %q; want %s, %q", name, got.NetworkStatus.Name, got.NetworkStatus.IPs, want.network, want.ips)
		}
		if got.DeviceType != want.device.Type || !reflect.DeepEqual(got.NetworkStatus.DeviceInfo, want.device) {
			t.Errorf("%s: device %s, %+v", name, got.DeviceType, got.NetworkStatus.DeviceInfo)
		}
	}
}

// TestAppNetutilLoses: what contract.Upsert guards against does happen.
func TestAppNetutilLoses(t *testing.T) {
	const entry = `{\"name\":\"n\",\"ifName\":\"net1\",\"config\":{\"iftype\":\"memif\"},\"later\":\"`
	for text, found := range map[string]int{`x`: 1, `\\u003d`: 1, `=`: 0, `\\\"`: 0, `\\u0022`: 1} {
		line := `userspace/configuration-data="[` + entry + text + `\"}]"` + "\n"
		if all := interfaces(t, []byte(line)); len(all) != found {
			t.Errorf("%s: %d interfaces, want %d", line, len(all), found)
		}
	}
}
