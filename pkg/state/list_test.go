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

// TestCache: the same records are returned again, and those that were replaced,
// changed, damaged or mended by hand since are read anew.
func TestCache(t *testing.T) {
	f := newFiles(t)
	c := &Cache{Files: f}
	list := func() map[Attachment]*Record {
		all, _ := c.List()
		by := map[Attachment]*Record{}
		for _, r := range all {
			by[r.Attachment] = r
		}
		return by
	}
	for _, a := range []Attachment{blue, red} {
		if err := c.Put(&Record{Attachment: a}); err != nil {
			t.Fatal(err)
		}
	}
	first := list()
	if again := list(); len(again) != 2 || again[blue] != first[blue] || again[red] != first[red] {
		t.Errorf("%v, then %v", first, again)
	}
	if err := c.Put(&Record{Attachment: blue, Netns: "/another"}); err != nil {
		t.Fatal(err)
	}
	if again := list(); again[blue].Netns != "/another" || again[red] != first[red] {
		t.Errorf("replaced: %+v", again[blue])
	}
	writeFile(t, f.record(blue.Key()), "{")
	if again, failed := c.List(); len(again) != 1 || len(failed) != 1 {
		t.Errorf("damaged: %v, %v", again, failed)
	}
	if err := c.Put(&Record{Attachment: blue}); err != nil {
		t.Fatal(err)
	}
	if again, failed := c.List(); len(again) != 2 || len(failed) != 0 {
		t.Errorf("mended: %v, %v", again, failed)
	}
	mustDelete(t, f, blue)
	if again := list(); len(again) != 1 || again[red] != first[red] {
		t.Errorf("deleted: %v", again)
	}
	mustDelete(t, f, red)
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
