package contract

import (
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/containernetworking/cni/pkg/types"
	current "github.com/containernetworking/cni/pkg/types/100"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/userspace-cni/userspace-cni/pkg/netconf"
	"github.com/userspace-cni/userspace-cni/pkg/state"
)

var update = flag.Bool("update", false, "rewrite the golden file")

const goldenFile = "testdata/valid/full.json"

// full is an entry with every field that the plugin sets.
func full(t *testing.T) Entry {
	t.Helper()
	ips, err := NewIPResult(ipamResult(t))
	if err != nil {
		t.Fatal(err)
	}
	return Entry{
		ContractVersion: Version,
		ContainerID:     strings.Repeat("5e", 32),
		IfName:          "net1",
		Name:            "userspace-vpp-net-1",
		Created:         time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC),
		Config: netconf.Side{
			Engine: "vpp", IfType: "memif", NetType: "interface", MTU: 9000, MAC: "02:fe:00:00:00:01",
			Memif: &netconf.Memif{
				Role: "slave", Mode: "ethernet", SocketFile: "memif-net1-65b1a7a4.sock",
				RingSize: 1024, BufferSize: 2048, RxQueues: 1, TxQueues: 2, Secret: "secret",
				NoZeroCopy: true, UseDMA: true,
			},
		},
		IPResult: ips,
	}
}

// ipamResult is what host-local answers, with 16-byte IPv4 addresses as Go's
// net package makes them.
func ipamResult(t *testing.T) *current.Result {
	t.Helper()
	return &current.Result{
		CNIVersion: "1.0.0",
		IPs: []*current.IPConfig{
			{Address: ipNet(t, "10.56.217.131/24"), Gateway: net.ParseIP("10.56.217.1")},
			{Address: ipNet(t, "fd00:56::83/64")},
		},
		Routes: []*types.Route{
			{Dst: ipNet(t, "0.0.0.0/0")},
			{Dst: ipNet(t, "fd00:99::1/48"), GW: net.ParseIP("fd00:56::1")},
		},
		DNS: types.DNS{Nameservers: []string{"10.56.217.1"}, Search: []string{"example.org"}},
	}
}

func ipNet(t *testing.T, text string) net.IPNet {
	t.Helper()
	ip, network, err := net.ParseCIDR(text)
	if err != nil {
		t.Fatal(err)
	}
	return net.IPNet{IP: ip, Mask: network.Mask}
}

// TestGolden: the JSON that pods read doesn't change unnoticed, and reads back
// as what was written.
func TestGolden(t *testing.T) {
	entry := full(t)
	got, err := json.MarshalIndent(entry, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	got = append(got, '\n')
	if *update {
		if err := os.WriteFile(goldenFile, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(string(readFile(t, goldenFile)), string(got)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	back, err := Parse(got)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(entry, back, comparable...); diff != "" {
		t.Errorf("read back (-written +read):\n%s", diff)
	}
}

var comparable = []cmp.Option{
	cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{}), cmpopts.EquateEmpty(),
}

func readFile(t testing.TB, file string) []byte {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestAppNetutilSurvives: app-netutil splits an annotation's line at "=" and
// drops it unless there are two parts, and deletes every space and backslash.
func TestAppNetutilSurvives(t *testing.T) {
	data, err := json.Marshal([]Entry{full(t)})
	if err != nil {
		t.Fatal(err)
	}
	if at := strings.IndexAny(string(data), "= \\"); at >= 0 {
		t.Errorf("%q at ...%s", data[at], data[max(0, at-20):min(len(data), at+20)])
	}
	if !strings.Contains(string(data), `"ips":[{"version":"4"`) {
		t.Error("it finds no address without the field version")
	}
}

// TestIntelEntry: what the Intel plugin wrote means what it always has.
func TestIntelEntry(t *testing.T) {
	got, err := Parse(readFile(t, "testdata/valid/intel.json"))
	if err != nil {
		t.Fatal(err)
	}
	want := Entry{
		ContainerID: "bcfab2e3a9d2", IfName: "net1", Name: "userspace-vpp-net-1",
		Config: netconf.Side{
			Engine: "vpp", IfType: "memif", NetType: "interface",
			Memif: &netconf.Memif{Role: "slave", Mode: "ethernet", SocketFile: "memif-bcfab2e3a9d2-net1.sock"},
			Vhost: &netconf.Vhost{}, Bridge: &netconf.Bridge{},
		},
		IPResult: IPResult{
			CNIVersion: "0.3.1",
			IPs:        []IP{{"4", netip.MustParsePrefix("10.56.217.131/24"), netip.MustParseAddr("10.56.217.1")}},
			Routes:     []Route{{Dst: netip.MustParsePrefix("0.0.0.0/0")}},
		},
	}
	if diff := cmp.Diff(want, got, comparable...); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if got.Attachment() != (state.Attachment{Network: want.Name, ContainerID: want.ContainerID, IfName: want.IfName}) {
		t.Errorf("attachment %+v", got.Attachment())
	}
}

func TestParseFaults(t *testing.T) {
	deep := strings.Repeat(`{"config":`, 20_000)
	for doc, words := range map[string]string{
		"":       "unexpected end",
		"null":   "ifName is missing",
		"7":      "cannot unmarshal",
		"{}":     "ifName is missing",
		deep:     "depth",
		`{"a":1`: "unexpected end",
		string(readFile(t, "testdata/invalid/newer.json")):                  "newer than this program",
		string(readFile(t, "testdata/invalid/no-name.json")):                "name is missing",
		string(readFile(t, "testdata/invalid/address-without-length.json")): "10.0.0.1",
	} {
		if _, err := Parse([]byte(doc)); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%.40s: error %v, want %q", doc, err, words)
		}
	}
}

func TestParseList(t *testing.T) {
	good := string(readFile(t, "testdata/valid/intel.json"))
	all, err := ParseList([]byte(`[{"name":"x"},` + good + `,7]`))
	if len(all) != 1 || all[0].IfName != "net1" {
		t.Errorf("entries %+v", all)
	}
	for _, words := range []string{"entry 1: ifName is missing", "entry 3: "} {
		if err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("error %v lacks %q", err, words)
		}
	}
	for _, doc := range []string{"", "{}", "7", "[", `[` + good} {
		if _, err := ParseList([]byte(doc)); err == nil {
			t.Errorf("%.20q: no error", doc)
		}
	}
	for _, doc := range []string{"null", "[]"} {
		if all, err := ParseList([]byte(doc)); err != nil || len(all) > 0 {
			t.Errorf("%s: %v, %v", doc, all, err)
		}
	}
}

func TestNewIPResultFaults(t *testing.T) {
	odd := net.IPNet{IP: net.IPv4(10, 0, 0, 1), Mask: net.IPv4Mask(255, 0, 255, 0)}
	for name, result := range map[string]*current.Result{
		"no address":            {IPs: []*current.IPConfig{{}}},
		"mask with a hole":      {IPs: []*current.IPConfig{{Address: odd}}},
		"null address":          {IPs: []*current.IPConfig{nil}},
		"null route":            {Routes: []*types.Route{nil}},
		"no destination":        {Routes: []*types.Route{{}}},
		"destination with hole": {Routes: []*types.Route{{Dst: odd}}},
	} {
		if got, err := NewIPResult(result); err == nil {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestSort(t *testing.T) {
	now := time.Unix(1700000000, 0)
	var all []Entry
	for i, ifName := range []string{"net10", "net9", "net2", "net1"} {
		all = append(all, Entry{IfName: ifName, Name: "red"}, Entry{IfName: ifName, Name: "blue"})
		all = append(all, Entry{IfName: fmt.Sprint("late", i), Created: now.Add(-time.Duration(i))})
	}
	Sort(all)
	var got []string
	for _, e := range all {
		got = append(got, strings.Trim(e.IfName+"/"+e.Name, "/"))
	}
	want := []string{
		"net1/blue", "net1/red", "net2/blue", "net2/red", "net9/blue", "net9/red", "net10/blue", "net10/red",
		"late3", "late2", "late1", "late0",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestFileName(t *testing.T) {
	long := strings.Repeat("c", 128)
	seen := map[string]bool{}
	for _, a := range []state.Attachment{
		{Network: "blue", ContainerID: long, IfName: "net1"},
		{Network: "red", ContainerID: long, IfName: "net1"},
		{Network: "blue", ContainerID: long[:127], IfName: "net1"},
		{Network: "blue", ContainerID: "c", IfName: "net1"},
		{Network: "blue", ContainerID: "c", IfName: "net1-x"},
		{Network: "blue", ContainerID: "c-net1", IfName: "x"},
		{Network: "blue", ContainerID: "c", IfName: "interface-of-15"},
	} {
		name := FileName(a)
		if seen[name] {
			t.Errorf("%+v: %s is another's too", a, name)
		}
		seen[name] = true
		if name != filepath.Base(name) || len(name) > 80 || !strings.HasPrefix(name, "configData-") || !strings.HasSuffix(name, ".json") {
			t.Errorf("%+v: file name %q", a, name)
		}
	}
}

// jsonFiles lists testdata's files in a directory.
func jsonFiles(t testing.TB, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", dir, "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no files in testdata/%s: %v", dir, err)
	}
	slices.Sort(files)
	return files
}
