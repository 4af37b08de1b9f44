package usrspapp

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/userspace-cni/userspace-cni/pkg/contract"
)

func names(entries []contract.Entry) (all []string) {
	for _, e := range entries {
		all = append(all, e.Name)
	}
	return all
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// as is the entry with another container ID, made at the given second.
func as(e contract.Entry, id string, second int64) contract.Entry {
	e.ContainerID, e.Created = id, time.Unix(second, 0)
	return e
}

// TestHear: what is whole replaces what was told; what isn't only adds to it.
func TestHear(t *testing.T) {
	var s source
	damaged := errors.New("damaged")
	for _, step := range []struct {
		what    string
		entries []contract.Entry
		err     error
		want    []string
	}{
		{"missing from the start", nil, fs.ErrNotExist, nil},
		{"two", entries("a", "b"), nil, []string{"a", "b"}},
		{"one is damaged", entries("a"), damaged, []string{"a", "b"}},
		{"one is damaged, another came", entries("a", "c"), damaged, []string{"a", "b", "c"}},
		{"everything has vanished", nil, fs.ErrNotExist, []string{"a", "b", "c"}},
		{"whole again", entries("c"), nil, []string{"c"}},
		{"empty", nil, nil, nil},
	} {
		s.hear(step.entries, step.err)
		if diff := cmp.Diff(step.want, names(merge(s, source{}))); diff != "" {
			t.Errorf("%s, -want +got:\n%s", step.what, diff)
		}
		if absent := step.what == "missing from the start"; absent != s.isAbsent() || absent && s.fault("x") != nil {
			t.Errorf("%s: absent %t, fault %v", step.what, s.isAbsent(), s.fault("x"))
		}
	}
}

// TestMerge: the file's entry counts, unless the annotation's is that of a later
// sandbox; each place has one entry; the order is that of the networks.
func TestMerge(t *testing.T) {
	secret := entry("a")
	secret.Config.Memif.Secret = "secret"
	for name, c := range map[string]struct {
		files, pod []contract.Entry
		want       []string
	}{
		"file alone":             {[]contract.Entry{secret}, nil, []string{"a c secret"}},
		"annotation alone":       {nil, entries("a"), []string{"a c "}},
		"both":                   {[]contract.Entry{secret}, entries("a"), []string{"a c secret"}},
		"each another":           {[]contract.Entry{as(entry("z"), "c", 1)}, []contract.Entry{as(entry("b"), "c", 2)}, []string{"z c ", "b c "}},
		"late annotation":        {[]contract.Entry{as(entry("a"), "new", 9)}, []contract.Entry{as(entry("a"), "old", 1)}, []string{"a new "}},
		"late file":              {[]contract.Entry{as(entry("a"), "old", 1)}, []contract.Entry{as(entry("a"), "new", 9)}, []string{"a new "}},
		"two files of one place": {[]contract.Entry{as(entry("a"), "new", 9), as(entry("a"), "old", 1)}, nil, []string{"a new "}},
	} {
		t.Run(name, func(t *testing.T) {
			var files, pod source
			files.hear(c.files, nil)
			pod.hear(c.pod, nil)
			var got []string
			for _, e := range merge(files, pod) {
				got = append(got, e.Name+" "+e.ContainerID+" "+e.Config.Memif.Secret)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func write(t *testing.T, dir string, e contract.Entry) string {
	t.Helper()
	data, err := json.Marshal(e)
	must(t, err)
	path := filepath.Join(dir, contract.FileName(e.Attachment()))
	must(t, os.WriteFile(path+".tmp", data, 0o600))
	must(t, os.Rename(path+".tmp", path))
	return path
}

func annotate(t *testing.T, dir string, all ...contract.Entry) {
	t.Helper()
	data, err := json.Marshal(all)
	must(t, err)
	path := filepath.Join(dir, "annotations")
	must(t, os.WriteFile(path+".tmp", fmt.Appendf(nil, "userspace/configuration-data=%q\n", data), 0o600))
	must(t, os.Rename(path+".tmp", path))
}

// TestRead reads both places, keeps what it can't read, and a secret as long as
// the annotation tells of its network.
func TestRead(t *testing.T) {
	c := newCompanion(&App{SharedDir: t.TempDir(), PodInfo: t.TempDir()})
	secret := entry("a")
	secret.Config.Memif.Secret = "secret"
	file := write(t, c.SharedDir, secret)
	must(t, c.read())
	if !c.isWhole() || c.entries[0].Config.Memif.Secret != "secret" {
		t.Errorf("without annotations: %+v, whole %t", c.entries, c.isWhole())
	}
	annotate(t, c.PodInfo, entry("a"), entry("b"))
	must(t, os.Remove(file))
	must(t, c.read())
	if diff := cmp.Diff([]string{"a", "b"}, names(c.entries)); diff != "" || c.entries[0].Config.Memif.Secret != "secret" {
		t.Errorf("file gone: %+v", c.entries)
	}
	must(t, os.WriteFile(filepath.Join(c.PodInfo, "annotations"), []byte(`userspace/configuration-data="[`), 0o600))
	if err := c.read(); err == nil || !strings.Contains(err.Error(), "pod annotations") || len(c.entries) != 2 || c.isWhole() {
		t.Errorf("damaged annotations: %v, %+v, whole %t", err, c.entries, c.isWhole())
	}
	annotate(t, c.PodInfo)
	must(t, c.read())
	if len(c.entries) != 0 || !c.isWhole() {
		t.Errorf("nothing left: %+v, whole %t", c.entries, c.isWhole())
	}
	must(t, os.Remove(c.SharedDir))
	if err := c.read(); err != nil || c.isWhole() {
		t.Errorf("no directory: %v, whole %t", err, c.isWhole())
	}
}

// TestFingerprint: it changes with every change, and with nothing else.
func TestFingerprint(t *testing.T) {
	c := newCompanion(&App{SharedDir: t.TempDir(), PodInfo: t.TempDir()})
	before := c.fingerprint()
	change := func(what string, differs bool, do func()) {
		t.Helper()
		do()
		if now := c.fingerprint(); (now != before) != differs {
			t.Errorf("%s: %q, before %q", what, now, before)
		}
		before = c.fingerprint()
	}
	var path string
	change("an entry came", true, func() { path = write(t, c.SharedDir, entry("a")) })
	change("nothing", false, func() { _, _ = os.ReadFile(path) })
	change("another file", false, func() { must(t, os.WriteFile(filepath.Join(c.SharedDir, "other"), nil, 0o600)) })
	change("the entry was replaced by its equal", true, func() { write(t, c.SharedDir, entry("a")) })
	change("the entry was cut short", true, func() { must(t, os.Truncate(path, 7)) })
	change("the entry went", true, func() { must(t, os.Remove(path)) })
	change("annotations came", true, func() { annotate(t, c.PodInfo, entry("a")) })
	change("annotations were exchanged", true, func() { annotate(t, c.PodInfo, entry("b")) })
	change("the directory went", true, func() { must(t, os.RemoveAll(c.SharedDir)) })
}
