package state

import (
	"os"
	"path/filepath"
	"testing"
)

// TestClear: what all parts of the package keep goes, and nothing else.
func TestClear(t *testing.T) {
	dir := t.TempDir()
	other := filepath.Join(dir, "other")
	if err := os.WriteFile(other, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	a := Attachment{Network: "net", ContainerID: "c", IfName: "net1"}
	if err := (Files{Dir: dir}).Put(&Record{Attachment: a}); err != nil {
		t.Fatal(err)
	}
	if _, err := (Names{Dir: dir}).Number("bridge", "blue", 1, 2); err != nil {
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
	if err := os.Mkdir(LinksDir(dir), 0o755); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := Clear(dir); err != nil {
			t.Fatal(err)
		}
		entries, err := os.ReadDir(dir)
		if err != nil || len(entries) != 1 || entries[0].Name() != "other" {
			t.Errorf("left: %v, %v, want the file that isn't ours", entries, err)
		}
	}
	if err := Clear(filepath.Join(dir, "nowhere")); err != nil {
		t.Error(err)
	}
}
