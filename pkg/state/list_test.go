package state

import (
	"errors"
	"os"
	"strings"
	"testing"
)

// TestList: every record is listed; a damaged one is reported by its key and
// hides no other.
func TestList(t *testing.T) {
	f := newFiles(t)
	if all, failed := f.List(); len(all)+len(failed) != 0 {
		t.Errorf("empty store: %v, %v", all, failed)
	}
	for _, a := range []Attachment{blue, red} {
		if err := f.Put(&Record{Attachment: a}); err != nil {
			t.Fatal(err)
		}
	}
	writeFile(t, f.record(red.Key())+draftSuffix, "half")
	if all, failed := f.List(); len(all) != 2 || len(failed) != 0 {
		t.Errorf("%d records, %v; want 2", len(all), failed)
	}
	for _, content := range []string{"", "{", "null", record(red, 1), record(blue, 2)} {
		writeFile(t, f.record(blue.Key()), content)
		all, failed := f.List()
		damaged := new(DamagedError)
		if len(all) != 1 || all[0].Attachment != red || len(failed) != 1 {
			t.Fatalf("%q: %v, %v", content, all, failed)
		}
		if !errors.As(failed[0], &damaged) || !errors.Is(failed[0], ErrDamaged) || damaged.Key != blue.Key() {
			t.Errorf("%q: %v", content, failed[0])
		}
	}
	if err := os.Remove(f.record(red.Key()) + draftSuffix); err != nil {
		t.Fatal(err)
	}
	mustDelete(t, f, blue, red)
}

func TestWritable(t *testing.T) {
	f := newFiles(t)
	if err := f.Writable(); err != nil {
		t.Error(err)
	}
	f.Dir += "/file"
	writeFile(t, f.Dir, "")
	if err := f.Writable(); err == nil || !strings.Contains(err.Error(), f.Dir) {
		t.Errorf("in the place of the directory is a file: %v", err)
	}
	if err := os.Remove(f.Dir); err != nil {
		t.Fatal(err)
	}
}
