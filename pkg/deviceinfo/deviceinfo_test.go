package deviceinfo

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	nettypes "github.com/k8snetworkplumbingwg/network-attachment-definition-client/pkg/apis/k8s.cni.cncf.io/v1"

	"github.com/google/go-cmp/cmp"
)

// TestLibraryReads: the working group's library knows each of our fields, and
// reads from them what we mean.
func TestLibraryReads(t *testing.T) {
	for _, c := range []struct {
		ours   Info
		theirs nettypes.DeviceInfo
	}{
		{
			OfMemif(Memif{Role: "master", Mode: "ip", Path: "/a/b.sock"}),
			nettypes.DeviceInfo{
				Type: nettypes.DeviceInfoTypeMemif, Version: nettypes.DeviceInfoVersion,
				Memif: &nettypes.MemifDevice{Role: nettypes.MemifDeviceRoleMaster, Mode: nettypes.MemitDeviceModeIP, Path: "/a/b.sock"},
			},
		},
		{
			OfMemif(Memif{Role: "slave", Mode: "ethernet", Path: Abstract("b")}),
			nettypes.DeviceInfo{
				Type: nettypes.DeviceInfoTypeMemif, Version: nettypes.DeviceInfoVersion,
				Memif: &nettypes.MemifDevice{Role: nettypes.MemitDeviceRoleSlave, Mode: nettypes.MemifDeviceModeEthernet, Path: "@b"},
			},
		},
		{
			OfVhostUser(VhostUser{Mode: "server", Path: `/a "b".sock`}),
			nettypes.DeviceInfo{
				Type: nettypes.DeviceInfoTypeVHostUser, Version: nettypes.DeviceInfoVersion,
				VhostUser: &nettypes.VhostDevice{Mode: nettypes.VhostDeviceModeServer, Path: `/a "b".sock`},
			},
		},
	} {
		decoder := json.NewDecoder(bytes.NewReader(c.ours.JSON()))
		decoder.DisallowUnknownFields()
		var got nettypes.DeviceInfo
		if err := decoder.Decode(&got); err != nil {
			t.Errorf("%s: %v", c.ours.JSON(), err)
		}
		if diff := cmp.Diff(c.theirs, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.ours.JSON(), diff)
		}
	}
}

// TestPathsThatAreNone: what isn't the path of such a file is neither written
// nor removed.
func TestPathsThatAreNone(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Write(file, []byte("y")); err == nil {
		t.Error("it was written")
	}
	if err := Remove(file, []byte("x")); err == nil {
		t.Error("its removal succeeded")
	}
	if data, err := os.ReadFile(file); err != nil || string(data) != "x" {
		t.Errorf("the file has %s, %v", data, err)
	}
}
