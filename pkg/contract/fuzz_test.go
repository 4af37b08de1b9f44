package contract

import (
	"encoding/json"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/userspace-cni/userspace-cni/pkg/internal/leak"
	"github.com/userspace-cni/userspace-cni/pkg/netconf"
	"github.com/userspace-cni/userspace-cni/pkg/state"
)

// seeds are the files of testdata, with secrets that leak finds.
func seeds(f *testing.F) (all []string) {
	for _, dir := range []string{"valid", "invalid"} {
		files, err := filepath.Glob(filepath.Join("testdata", dir, "*.json"))
		if err != nil || len(files) == 0 {
			f.Fatalf("no files in testdata/%s: %v", dir, err)
		}
		for _, file := range files {
			all = append(all, strings.ReplaceAll(string(readFile(f, file)), `"secret": "`, `"secret": "`+leak.Mark))
		}
	}
	return append(all, `{"name":"n","ifName":"i","config":{"memif":[{"secret":"hush-list"}],"mtu":{"secret":"hush-mtu"}}}`)
}

// mustBeSafe asserts what the readers of an entry rely on, whoever wrote it.
func mustBeSafe(t *testing.T, e Entry) {
	t.Helper()
	name := FileName(e.Attachment())
	if strings.ContainsAny(name, "/\x00") || strings.ContainsFunc(name, unprintable) || len(name) > 255 {
		t.Errorf("the entry's file is called %q", name)
	}
	socket := e.Config.Socket().Name
	if e.Config.IfType == netconf.IfTypeVCL && e.Config.Socket().Abstract {
		socket = strings.ReplaceAll(socket, "/", "-") // of no file
	}
	if strings.ContainsAny(socket, "/\x00, \n{}") || socket == "." || socket == ".." || len(socket) > 107 {
		t.Errorf("the entry's socket is called %q", socket)
	}
	if strings.ContainsFunc(e.Name+e.IfName+e.ContainerID, unprintable) {
		t.Errorf("unprintable names: %+v", e.Attachment())
	}
}

func unprintable(r rune) bool { return !unicode.IsPrint(r) }

// mustBeOneLine: an error of one entry can't be mistaken for several lines of
// a log, or rule a terminal, and tells no secret.
func mustBeOneLine(t *testing.T, err error, document string) {
	t.Helper()
	if i := strings.IndexFunc(err.Error(), func(r rune) bool { return unprintable(r) && r != unicode.ReplacementChar }); i >= 0 {
		t.Errorf("unprintable at byte %d: %q", i, err)
	}
	if told := leak.In(err.Error(), []byte(document)); told != "" {
		t.Errorf("tells the secret %s…: %v", told, err)
	}
}

// FuzzEntryFile reads an entry as from a file that a pod has written: what is
// accepted is safe to use, and the same when it is written and read again.
func FuzzEntryFile(f *testing.F) {
	for _, seed := range seeds(f) {
		f.Add(seed)
	}
	dir := f.TempDir()
	path := filepath.Join(dir, "configData-fuzz.json")
	f.Fuzz(func(t *testing.T, document string) {
		must(t, os.WriteFile(path, []byte(document), 0o600))
		all, err := ReadDir(dir)
		if (err == nil) != (len(all) == 1) {
			t.Fatalf("%d entries, error %v", len(all), err)
		}
		if err != nil {
			mustBeOneLine(t, err, document)
			if !strings.Contains(err.Error(), path) {
				t.Errorf("the error names no file: %v", err)
			}
			return
		}
		mustBeSafe(t, all[0])
		data, err := json.Marshal(all[0])
		must(t, err)
		again, err := Parse(data)
		if err != nil {
			t.Fatalf("refused when read again: %v\n%s", err, data)
		}
		if diff := cmp.Diff(all[0], again, cmpopts.EquateEmpty(), cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{})); diff != "" {
			t.Errorf("not the same when read again:\n%s", diff)
		}
	})
}

// FuzzAnnotation: whatever a pod's author has put into the annotation, the
// entries that can be read are safe, and Announce and Withdraw lose nothing of
// others and leave what the readers parse.
func FuzzAnnotation(f *testing.F) {
	for _, seed := range seeds(f) {
		f.Add("["+seed+"]", "net", "net1", "0123456789abcdef")
	}
	f.Add("", "net", "net1", "c")
	f.Add(`[7,{"name":"net","ifName":"net1"},"\\",{"name":"a\\\"="}]`, "net", "net1", "c")
	f.Add(`[{"name":"net","ifName":"net1","containerId":"c"},{"name":"net","ifName":"net1","containerId":"d"}]`, "net", "net1", "c")
	f.Fuzz(func(t *testing.T, list, network, ifName, containerID string) {
		entries, err := ParseList([]byte(list))
		for _, e := range entries {
			mustBeSafe(t, e)
		}
		if err != nil {
			for line := range strings.Lines(err.Error()) {
				mustBeOneLine(t, errorString(strings.TrimSuffix(line, "\n")), list)
			}
		}
		own := Entry{ContractVersion: Version, Name: network, IfName: ifName, ContainerID: containerID}
		if own.check() != nil || containerID == "" {
			if _, err := Upsert([]byte(list), own); err == nil {
				t.Errorf("%+v was announced", own)
			}
			return
		}
		replaced := false
		set, err := Announce(map[string]string{AnnotationData: list}, own, "/d", func(error) { replaced = true })
		if err != nil {
			t.Fatalf("announce %+v: %v", own, err)
		}
		after := set[AnnotationData]
		if replaced {
			list = ""
		}
		if diff := cmp.Diff(others(t, list, network, ifName), others(t, after, network, ifName)); diff != "" {
			t.Errorf("announcing lost entries of others (-before +after):\n%s", diff)
		}
		announced, _ := ParseList([]byte(after))
		if !slices.ContainsFunc(announced, func(e Entry) bool { return e.Attachment() == own.Attachment() }) {
			t.Errorf("the entry isn't there: %s", after)
		}
		mustWithdraw(t, after, own.Attachment())
	})
}

// mustWithdraw takes an attachment that the list has out of it.
func mustWithdraw(t *testing.T, list string, a state.Attachment) {
	t.Helper()
	set, removed := Withdraw(map[string]string{AnnotationData: list, AnnotationMappedDir: "/d/"}, a, "/d")
	left := others(t, set[AnnotationData], a.Network, a.IfName)
	if diff := cmp.Diff(others(t, list, a.Network, a.IfName), left); diff != "" {
		t.Errorf("withdrawing lost entries of others (-before +after):\n%s", diff)
	}
	if (len(left) == 0) != slices.Contains(removed, AnnotationData) {
		t.Errorf("%d entries are left, and removed is %v", len(left), removed)
	}
}

type errorString string

func (e errorString) Error() string { return string(e) }

// others are the list's entries about anything but a network and interface.
func others(t *testing.T, list, network, ifName string) []any {
	t.Helper()
	var all []json.RawMessage
	if strings.TrimSpace(list) != "" {
		_ = json.Unmarshal([]byte(list), &all) // one that isn't a list has none
	}
	left := []any{}
	for _, raw := range all {
		if id := identify(raw); id.Name != network || id.IfName != ifName {
			var v any
			must(t, json.Unmarshal(raw, &v))
			left = append(left, v)
		}
	}
	return left
}
