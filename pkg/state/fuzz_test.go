package state

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/userspace-cni/userspace-cni/pkg/deviceinfo"
	"github.com/userspace-cni/userspace-cni/pkg/internal/leak"
)

// FuzzRecord: whatever stands in a record's file, it is the attachment's own,
// names nothing outside of its directory and is the same when it is written and
// read again; or it is damaged, and says so without telling a secret.
func FuzzRecord(f *testing.F) {
	store := Files{Dir: f.TempDir()}
	whole := &Record{
		Attachment: blue, Netns: "/run/netns/p", Engine: "vpp", Socket: "/run/vpp/api.sock", Numbers: []uint32{4, 9},
		Spec: json.RawMessage(`{"endpoint":{"secret":"hush-spec"}}`), NetConf: json.RawMessage(`{"host":{"memif":{"secret":"hush-conf"}}}`),
		Dir: "/d", Link: "/l", Files: []string{"s", "c"}, Listening: "s", IPAM: "host-local", Pod: &Pod{Name: "web"},
		Shared: map[string]uint32{"bridge-domain": 4}, Result: json.RawMessage(`{"b":2}`),
		DeviceInfo: &DeviceInfo{Path: deviceinfo.Dir + "/f", Content: json.RawMessage(`{"type":"memif"}`)},
	}
	if err := store.Put(whole); err != nil {
		f.Fatal(err)
	}
	path := store.record(blue.Key())
	data, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(data))
	for _, spoil := range [][2]string{
		{`"version":1`, `"version":2`},
		{`"version":1,`, ``},
		{`"s","c"`, `"../s","c"`},
		{`"s","c"`, `"/etc/passwd"`},
		{`"dir":"/d"`, `"dir":""`},
		{`"dir":"/d"`, `"dir":"/"`},
		{`"network":"blue"`, `"network":"red"`},
		{`"listening":"s"`, `"listening":"../s"`},
		{deviceinfo.Dir + "/f", "/etc/passwd"},
		{deviceinfo.Dir + "/f", deviceinfo.Dir + "/../dp/f"},
		{`,"content":{"type":"memif"}`, ``},
		{`"numbers":[4,9]`, `"numbers":{"secret":"hush-number"}`},
		{`}`, ``},
		{`{`, `[`},
	} {
		f.Add(strings.Replace(string(data), spoil[0], spoil[1], 1))
	}
	f.Fuzz(func(t *testing.T, document string) {
		if err := os.WriteFile(path, []byte(document), 0o600); err != nil {
			t.Fatal(err)
		}
		r, err := store.Get(blue)
		all, failed := store.List()
		if len(all)+len(failed) != 1 || (err == nil) != (len(all) == 1) {
			t.Errorf("Get: %v; List: %d records, %v", err, len(all), failed)
		}
		if err != nil {
			if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), path) {
				t.Errorf("neither damaged nor named: %v", err)
			}
			if told := leak.In(err.Error(), []byte(document)); told != "" {
				t.Errorf("tells the secret %s…: %v", told, err)
			}
			return
		}
		if r.Attachment != blue || r.Version != Version || r.Dir != "" && !filepath.IsAbs(r.Dir) || r.Dir == "/" {
			t.Errorf("taken as blue's: %+v", r)
		}
		if r.DeviceInfo != nil && !deviceinfo.Valid(r.DeviceInfo.Path) {
			t.Errorf("the file %q is outside of its directory", r.DeviceInfo.Path)
		}
		for _, name := range append(r.Files, r.Listening) {
			if strings.ContainsAny(name, "/\x00") || name == "." || name == ".." {
				t.Errorf("the file %q is outside of the directory", name)
			}
		}
		if err := store.Put(r); err != nil {
			t.Fatalf("can't be written again: %v", err)
		}
		again, err := store.Get(blue)
		if err != nil {
			t.Fatalf("refused when read again: %v", err)
		}
		if diff := cmp.Diff(spelt(t, r), spelt(t, again)); diff != "" {
			t.Errorf("not the same when read again:\n%s", diff)
		}
	})
}

func spelt(t *testing.T, r *Record) string {
	t.Helper()
	data, err := json.MarshalIndent(r, "", "\t")
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
