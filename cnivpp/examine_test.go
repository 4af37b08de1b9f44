package cnivpp

import (
	"slices"
	"strings"
	"testing"

	"github.com/userspace-cni/userspace-cni/pkg/vppsim"
)

// TestExamine looks at a whole VPP, at one that runs without a plugin, and where
// there is none.
func TestExamine(t *testing.T) {
	e, _ := newEngine(t)
	found, err := Examine(patiently(t), e.Socket)
	if err != nil || len(found.Missing) != 0 || found.Session != SessionOff || !strings.HasSuffix(found.Release, vppsim.Version) {
		t.Errorf("a whole VPP: %+v, %v", found, err)
	}
	found, err = Examine(patiently(t), withoutMemif(t, e).Socket)
	lacks := found.Missing["memif_plugin.so"]
	if err != nil || len(found.Missing) != 1 || !slices.Contains(lacks, "memif_create_v2") {
		t.Errorf("without memif: %+v, %v", found, err)
	}
	if _, err := Examine(patiently(t), e.Socket+".none"); err == nil {
		t.Error("no VPP: no error")
	}
}

// TestPluginOf names a plugin for each message of a kind, and none for VPP's own.
func TestPluginOf(t *testing.T) {
	for iftype, plugin := range map[string]string{"memif": "memif_plugin.so", "vhostuser": "vhost_plugin.so"} {
		for _, message := range kinds[iftype].messages() {
			if got := pluginOf(message.GetMessageName()); got != plugin {
				t.Errorf("%s: %q, want %s", message.GetMessageName(), got, plugin)
			}
		}
	}
	for _, message := range (Spec{}).common() {
		if got := pluginOf(message.GetMessageName()); got != "" {
			t.Errorf("%s is of %s", message.GetMessageName(), got)
		}
	}
}
