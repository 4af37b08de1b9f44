package contract

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/userspace-cni/userspace-cni/pkg/netconf"
	"github.com/userspace-cni/userspace-cni/pkg/state"
)

// named is the full entry under another identity.
func named(t *testing.T, name, ifName, container string) Entry {
	t.Helper()
	e := full(t)
	e.Name, e.IfName, e.ContainerID = name, ifName, container
	return e
}

func upsert(t *testing.T, list string, all ...Entry) string {
	t.Helper()
	for _, e := range all {
		out, err := Upsert([]byte(list), e)
		if err != nil {
			t.Fatal(err)
		}
		list = string(out)
	}
	return list
}

// ids are the identities in a list, in its order.
func ids(t *testing.T, list string) []string {
	t.Helper()
	all, err := ParseList([]byte(list))
	if err != nil {
		t.Fatalf("%v in %s", err, list)
	}
	out := []string{}
	for _, e := range all {
		out = append(out, e.Name+"/"+e.IfName+"/"+e.ContainerID)
	}
	return out
}

func TestUpsert(t *testing.T) {
	red, blue, red2 := named(t, "red", "net1", "c1"), named(t, "blue", "net1", "c1"), named(t, "red", "net2", "c1")
	successor := named(t, "red", "net1", "c2")
	for _, empty := range []string{"", " \n", "null", "[]"} {
		if diff := cmp.Diff([]string{"red/net1/c1"}, ids(t, upsert(t, empty, red))); diff != "" {
			t.Errorf("%q: -want +got:\n%s", empty, diff)
		}
	}
	list := upsert(t, "", red, blue, red2)
	if again := upsert(t, list, red, blue, red2); again != list {
		t.Errorf("repeated:\n%s\n%s", list, again)
	}
	if diff := cmp.Diff([]string{"red/net1/c2", "blue/net1/c1", "red/net2/c1"}, ids(t, upsert(t, list, successor))); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	twice := strings.TrimSuffix(list, "]") + "," + list[1:]
	if diff := cmp.Diff([]string{"red/net1/c2", "blue/net1/c1", "red/net2/c1", "blue/net1/c1", "red/net2/c1"}, ids(t, upsert(t, twice, successor))); diff != "" {
		t.Errorf("twice in the list: -want +got:\n%s", diff)
	}
}

// TestOthersStay: entries of others come out byte for byte, whatever is in them.
func TestOthersStay(t *testing.T) {
	others := []string{
		`{ "name" : "x", "ifName":"net9", "later": {"b":1.50, "a":[ ]},` + "\n" + ` "config":{"engine":"ovs-dpdk"}}`,
		`{"name":7}`, `17`, `"text \\ \u00e9"`, `null`, `{"name":"red"}`,
	}
	list := "[" + strings.Join(others, " ,\n") + "]"
	red := named(t, "red", "net1", "c1")
	with := upsert(t, list, red)
	if want := "[" + strings.Join(others, ",") + ","; !strings.HasPrefix(with, want) {
		t.Errorf("not kept:\n%s\n%s", want, with)
	}
	without, found, err := Remove([]byte(with), red.Attachment())
	if want := "[" + strings.Join(others, ",") + "]"; string(without) != want || !found || err != nil {
		t.Errorf("%s, %v, %v; want\n%s", without, found, err, want)
	}
}

func TestUpsertRefuses(t *testing.T) {
	for _, list := range []string{"{}", "7", "[", `{"name":"cut brackets"},{"name":"off"}`, `"[]"`, "[] []"} {
		if got, err := Upsert([]byte(list), full(t)); !errors.Is(err, ErrUnreadable) || got != nil {
			t.Errorf("%s: %s, %v", list, got, err)
		}
		if got, found, err := Remove([]byte(list), full(t).Attachment()); !errors.Is(err, ErrUnreadable) || found || string(got) != list {
			t.Errorf("%s: %s, %v, %v", list, got, found, err)
		}
	}
	for words, e := range map[string]Entry{
		"name is":        named(t, "", "net1", "c"),
		"ifName is":      named(t, "red", "", "c"),
		"containerId is": named(t, "red", "net1", ""),
	} {
		if got, err := Upsert(nil, e); err == nil || !strings.Contains(err.Error(), words) || got != nil {
			t.Errorf("%s, %v; want %q", got, err, words)
		}
	}
}

func TestRemove(t *testing.T) {
	red, blue := named(t, "red", "net1", "c1"), named(t, "blue", "net1", "c1")
	list := upsert(t, "", red, blue)
	single := strings.Trim(upsert(t, "", red), "[]")
	for name, c := range map[string]struct {
		list  string
		a     state.Attachment
		left  []string
		found bool
	}{
		"one of two":        {list, red.Attachment(), []string{"blue/net1/c1"}, true},
		"other container":   {list, state.Attachment{Network: "red", ContainerID: "c0", IfName: "net1"}, []string{"red/net1/c1", "blue/net1/c1"}, false},
		"other interface":   {list, state.Attachment{Network: "red", ContainerID: "c1", IfName: "net2"}, []string{"red/net1/c1", "blue/net1/c1"}, false},
		"other network":     {list, state.Attachment{Network: "green", ContainerID: "c1", IfName: "net1"}, []string{"red/net1/c1", "blue/net1/c1"}, false},
		"nothing there":     {"[]", red.Attachment(), []string{}, false},
		"no annotation":     {"", red.Attachment(), nil, false},
		"last one, several": {"[" + single + "," + single + "]", red.Attachment(), nil, true},
	} {
		got, found, err := Remove([]byte(c.list), c.a)
		if found != c.found || err != nil {
			t.Errorf("%s: %v, %v", name, found, err)
		}
		if c.left == nil {
			if len(got) > 0 {
				t.Errorf("%s: left %s", name, got)
			}
			continue
		}
		if diff := cmp.Diff(c.left, ids(t, string(got))); diff != "" {
			t.Errorf("%s: -want +got:\n%s", name, diff)
		}
	}
}

// TestNoSecret: the secret isn't in the annotation, and the caller's entry, from
// which the file is written, keeps it.
func TestNoSecret(t *testing.T) {
	e := full(t)
	e.Config.Memif.Secret = "xyzzy"
	if list := upsert(t, "", e); strings.Contains(list, "xyzzy") || strings.Contains(list, "secret") {
		t.Errorf("in the annotation: %s", list)
	}
	if e.Config.Memif.Secret != "xyzzy" {
		t.Error("the entry lost its secret")
	}
}

// awkward is an entry with the characters that app-netutil loses.
func awkward(t *testing.T) Entry {
	t.Helper()
	e := named(t, "awkward", `net="\`, "c1")
	e.IPResult.DNS.Options = []string{`a=b`, `"`, `\"`, `\\`, `=\`, "\n\t", "<&>\u2028", "é"}
	e.Config.Bridge = &netconf.Bridge{BridgeName: `\u003d=`}
	return e
}

// TestGuard: what app-netutil can't take is written in JSON's other way, so that
// it means the same.
func TestGuard(t *testing.T) {
	e := awkward(t)
	list := upsert(t, `[{"name":"x","ifName":"=\"\\\"\\="}]`, e)
	if strings.Contains(list, "=") || strings.Contains(strings.ReplaceAll(list, `\\`, ""), `\"`) {
		t.Errorf("not guarded: %s", list)
	}
	back, err := ParseList([]byte(list))
	if err != nil {
		t.Fatal(err)
	}
	if back[0].IfName != `="\"\=` {
		t.Errorf("another's entry changed: %q", back[0].IfName)
	}
	e.Config.Memif.Secret = ""
	if diff := cmp.Diff(e, back[1], comparable...); diff != "" {
		t.Errorf("-written +read:\n%s", diff)
	}
}

func TestMappedDir(t *testing.T) {
	for mount, want := range map[string]string{"/a": "/a/", "/a/": "/a/", "/a//b/../c/": "/a/c/", "/": "/", "/ä-_.~": "/ä-_.~/"} {
		if got, err := MappedDir(mount); got != want || err != nil {
			t.Errorf("%s: %s, %v", mount, got, err)
		}
	}
	for _, mount := range []string{"", "a", "/a=b", "/a b", `/a\b`, `/a"`, "/a\nb", "/a\tb", "/a\x1b", "/a\u202e"} {
		if got, err := MappedDir(mount); err == nil || !strings.Contains(err.Error(), "allowed") {
			t.Errorf("%q: %q, %v", mount, got, err)
		}
	}
}

func TestAnnounceAndWithdraw(t *testing.T) {
	noWarning := func(err error) { t.Errorf("warned: %v", err) }
	red, blue := named(t, "red", "net1", "c1"), named(t, "blue", "net2", "c1")
	current := map[string]string{"other": "stays"}
	for _, e := range []Entry{red, blue} {
		set, err := Announce(current, e, "/usrsp", noWarning)
		if err != nil || len(set) != 2 || set[AnnotationMappedDir] != "/usrsp/" {
			t.Fatalf("%v, %v", set, err)
		}
		maps.Copy(current, set)
	}
	if diff := cmp.Diff([]string{"red/net1/c1", "blue/net2/c1"}, ids(t, current[AnnotationData])); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	set, remove := Withdraw(current, red.Attachment(), "/usrsp")
	if diff := cmp.Diff([]string{"blue/net2/c1"}, ids(t, set[AnnotationData])); diff != "" || len(set) != 1 || remove != nil {
		t.Errorf("set %v, remove %v", set, remove)
	}
	maps.Copy(current, set)
	if set, remove := Withdraw(current, red.Attachment(), "/usrsp"); set != nil || remove != nil {
		t.Errorf("repeated: set %v, remove %v", set, remove)
	}
	set, remove = Withdraw(current, blue.Attachment(), "/usrsp/")
	if set != nil || !slices.Equal(remove, []string{AnnotationData, AnnotationMappedDir}) {
		t.Errorf("last one: set %v, remove %v", set, remove)
	}
	for _, mount := range []string{"/elsewhere", ""} {
		if _, remove = Withdraw(current, blue.Attachment(), mount); !slices.Equal(remove, []string{AnnotationData}) {
			t.Errorf("mapped-dir of somebody else: remove %v", remove)
		}
	}
	if set, err := Announce(nil, red, "", noWarning); err != nil || len(set) != 1 {
		t.Errorf("no directory: %v, %v", set, err)
	}
	if _, err := Announce(nil, red, "relative", noWarning); err == nil {
		t.Error("a relative mount path")
	}
	if _, err := Announce(nil, Entry{}, "/usrsp", noWarning); err == nil || !strings.Contains(err.Error(), AnnotationData) {
		t.Errorf("no entry: %v", err)
	}
}

func TestAnnounceReplacesGarbage(t *testing.T) {
	var warning error
	current := map[string]string{AnnotationData: "{garbage"}
	set, err := Announce(current, full(t), "/usrsp", func(err error) { warning = err })
	if err != nil || len(ids(t, set[AnnotationData])) != 1 {
		t.Errorf("%v, %v", set, err)
	}
	if !errors.Is(warning, ErrUnreadable) || !strings.Contains(warning.Error(), AnnotationData) {
		t.Errorf("warning %v", warning)
	}
	if set, remove := Withdraw(current, full(t).Attachment(), "/usrsp"); set != nil || remove != nil {
		t.Errorf("set %v, remove %v", set, remove)
	}
}

// annotationsFile is what app-netutil reads in test/readers.
const annotationsFile = "testdata/annotations.golden"

// TestAnnotationsFile: the pod's annotations as the kubelet writes them into a
// downward-API volume, for the readers that are tried in a module of their own.
func TestAnnotationsFile(t *testing.T) {
	bridge := named(t, "bridged", "net2", "c1")
	bridge.Config.NetType, bridge.Config.Memif.Mode, bridge.IPResult = "none", "ethernet", IPResult{CNIVersion: "1.1.0"}
	bridge.Config.Memif.SocketFile = "memif-net2.sock"
	vhost := named(t, "vhost", "net3", "c1")
	vhost.Config.IfType, vhost.Config.Memif = "vhostuser", nil
	vhost.Config.Vhost = &netconf.Vhost{Mode: "client", SocketFile: "vhost-net3.sock"}
	current := map[string]string{
		AnnotationData:                      upsert(t, "["+string(readFile(t, "testdata/valid/intel.json"))+"]"),
		"k8s.v1.cni.cncf.io/networks":       "userspace-vpp-net-1, bridged, vhost",
		"k8s.v1.cni.cncf.io/network-status": "[{\n    \"name\": \"cbr0\",\n    \"interface\": \"eth0\",\n    \"ips\": [\n        \"10.244.1.77\"\n    ],\n    \"default\": true,\n    \"dns\": {}\n},{\n    \"name\": \"default/bridged\",\n    \"interface\": \"net2\",\n    \"dns\": {}\n}]",
	}
	for _, e := range []Entry{full(t), bridge, vhost, awkward(t)} {
		set, err := Announce(current, e, "/usrspcni", func(err error) { t.Error(err) })
		if err != nil {
			t.Fatal(err)
		}
		maps.Copy(current, set)
	}
	var file strings.Builder
	for _, key := range slices.Sorted(maps.Keys(current)) {
		fmt.Fprintf(&file, "%s=%q\n", key, current[key])
	}
	if *update {
		if err := os.WriteFile(annotationsFile, []byte(file.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(string(readFile(t, annotationsFile)), file.String()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// FuzzUpsert: whatever stands in the annotation, nothing of others is lost.
func FuzzUpsert(f *testing.F) {
	for _, seed := range []string{"", "[]", "null", `[{"name":"a\\\"="},7,"\\"]`, `[{"name":"n","ifName":"i"}]`, "{"} {
		f.Add(seed, `a="\`)
	}
	f.Fuzz(func(t *testing.T, list, name string) {
		e := Entry{Name: name, IfName: "i", ContainerID: "c"}
		out, err := Upsert([]byte(list), e)
		if err != nil {
			return
		}
		var before, after []any
		if err := json.Unmarshal(out, &after); err != nil {
			t.Fatalf("%s: %v", out, err)
		}
		if strings.TrimSpace(list) != "" {
			if err := json.Unmarshal([]byte(list), &before); err != nil {
				t.Fatal(err)
			}
		}
		for _, item := range before {
			if own, ok := item.(map[string]any); ok && own["ifName"] == "i" {
				return
			}
		}
		if diff := cmp.Diff(before, after[:len(after)-1]); diff != "" && len(before) > 0 {
			t.Errorf("-before +after:\n%s", diff)
		}
	})
}
