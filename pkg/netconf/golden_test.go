package netconf

import (
	"encoding/json"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// TestGolden turns every file of testdata into text: a valid one into what was
// made of it, an invalid one into its faults.
func TestGolden(t *testing.T) {
	for _, file := range append(jsonFiles(t, "valid"), jsonFiles(t, "invalid")...) {
		t.Run(strings.TrimPrefix(file, "testdata/"), func(t *testing.T) {
			c, err := Parse(readFile(t, file))
			wantErr := strings.HasPrefix(file, "testdata/invalid/")
			if (err != nil) != wantErr {
				t.Fatalf("Parse: error %v, want one: %t", err, wantErr)
			}
			got := ""
			if err != nil {
				got = err.Error() + "\n"
			} else {
				got = render(t, c)
			}
			compareGolden(t, strings.TrimSuffix(file, ".json")+".golden", got)
		})
	}
}

// render spells a configuration out, a line for what is set.
func render(t *testing.T, c *NetConf) string {
	t.Helper()
	var b strings.Builder
	for _, f := range []struct{ name, value string }{
		{"cniVersion", c.CNIVersion},
		{"name", c.Name},
		{"type", c.Type},
		{"ipam", c.IPAM.Type},
		{"dns", compact(t, c.DNS)},
		{"kubeconfig", c.KubeConfig},
		{"sharedDir", c.SharedDir},
		{"logFile", c.LogFile},
		{"logLevel", c.LogLevel},
		{"vppApiSocket", c.VPPAPISocket},
		{"requestedMAC", c.RequestedMAC},
		{"requestedIPs", strings.Join(spelt(c.RequestedIPs), " ")},
		{"deviceInfoFile", c.DeviceInfoFile},
		{"staticAddresses", strings.Join(spelt(c.StaticAddresses()), " ")},
		{"host", compact(t, c.Host)},
		{"container", compact(t, c.Container)},
	} {
		if f.value != "" && f.value != "{}" {
			fmt.Fprintf(&b, "%s: %s\n", f.name, f.value)
		}
	}
	if c.Host.Bridge != nil {
		fmt.Fprintf(&b, "domain: %d, key: %s\n", c.Host.Bridge.Domain(), c.Host.Bridge.Key())
	}
	for _, w := range c.Warnings {
		fmt.Fprintf(&b, "warning: %s\n", w)
	}
	return b.String()
}

// spelt writes addresses as they were asked for.
func spelt(ips []netip.Prefix) (all []string) {
	for _, ip := range ips {
		if ip.IsValid() {
			all = append(all, ip.String())
		} else {
			all = append(all, ip.Addr().String())
		}
	}
	return all
}

func compareGolden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(string(readFile(t, file)), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

func compact(t testing.TB, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func jsonFiles(t testing.TB, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", dir, "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no files in testdata/%s: %v", dir, err)
	}
	return files
}

func readFile(t testing.TB, file string) []byte {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
