package state

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// TestClear: what all parts of the package keep goes, and nothing else.
func TestClear(t *testing.T) {
	dir := t.TempDir()
	mkdir(t, filepath.Join(dir, "records"))
	others := []string{"other", "records/other.json"}
	for _, name := range others {
		writeFile(t, filepath.Join(dir, name), "")
	}
	f := Files{Dir: dir}
	for _, id := range []string{"c", "d"} {
		if err := f.Reserve(&Record{Attachment: Attachment{Network: "net", ContainerID: id, IfName: "net1"}}, 1, anything); err != nil {
			t.Fatal(err)
		}
	}
	killed := Attachment{Network: "net", ContainerID: "e", IfName: "net1"}
	writeFile(t, f.record(killed.Key())+draftSuffix, "half")
	if number, err := (Names{Dir: dir}).Number("bridge", "blue", 1, 2); err != nil || (Names{Dir: dir}).Avoid("bridge", number) != nil {
		t.Fatal(err)
	}
	unlock, err := Locks{Dir: dir}.Lock(t.Context(), "x")
	if err != nil {
		t.Fatal(err)
	}
	unlock()
	for _, name := range []string{"calls", "calls.old"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	mkdir(t, LinksDir(dir))
	if err := os.Symlink("/somewhere", filepath.Join(LinksDir(dir), "short")); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := Clear(dir); err != nil {
			t.Fatal(err)
		}
		if left := tree(t, dir); !slices.Equal(left, others) {
			t.Errorf("left: %v, want what isn't ours, %v", left, others)
		}
		if dirs, err := filepath.Glob(filepath.Join(dir, "*")); err != nil || len(dirs) != 2 {
			t.Errorf("left: %v (%v), want what isn't ours, %v", dirs, err, others)
		}
	}
	if err := Clear(filepath.Join(dir, "nowhere")); err != nil {
		t.Error(err)
	}
}
