package state

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func note(t *testing.T, j Journal, verbs ...string) {
	t.Helper()
	for _, verb := range verbs {
		if err := j.Note(Call{Verb: verb, Kind: "memif", Code: 7, Took: time.Millisecond}); err != nil {
			t.Fatal(err)
		}
	}
}

// next asserts which calls a reader finds.
func next(t *testing.T, r *JournalReader, want ...string) {
	t.Helper()
	calls, err := r.Next()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range calls {
		if c.Kind != "memif" || c.Code != 7 || c.Took != time.Millisecond {
			t.Errorf("%+v", c)
		}
		got = append(got, c.Verb)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestJournal(t *testing.T) {
	j := Journal{t.TempDir()}
	early := j.Tail()
	next(t, early)
	note(t, j, "ADD", "DEL")
	next(t, early, "ADD", "DEL")
	next(t, early)
	late := j.Tail()
	note(t, j, "CHECK")
	next(t, early, "CHECK")
	next(t, late, "CHECK")
}

// TestJournalTorn: a line that is being written is read when it is whole, and
// one that makes no sense is nobody's.
func TestJournalTorn(t *testing.T) {
	j := Journal{t.TempDir()}
	r := j.Tail()
	note(t, j, "ADD")
	file, err := os.OpenFile(j.path(), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	write := func(text string) {
		if _, err := file.WriteString(text); err != nil {
			t.Fatal(err)
		}
	}
	write("\x00{}\nnull\n" + `{"verb":"DEL","kind":"memif",`)
	next(t, r, "ADD")
	write(`"code":7,"took":1000000}` + "\n")
	next(t, r, "DEL")
}

// TestJournalIsPutAside: the file stays small, and nothing is lost for a reader
// that comes by now and then.
func TestJournalIsPutAside(t *testing.T) {
	j := Journal{t.TempDir()}
	r := j.Tail()
	note(t, j, "ADD")
	next(t, r, "ADD")
	note(t, j, "DEL")
	if err := os.Truncate(j.path(), maxJournal+1); err != nil { // as if there had been many calls
		t.Fatal(err)
	}
	note(t, j, "CHECK") // to the full file, which it puts aside
	note(t, j, "GC")
	next(t, r, "DEL", "GC")
	if info, err := os.Stat(j.path()); err != nil || info.Size() > 1000 {
		t.Errorf("%v %v", info, err)
	}
	note(t, j, "ADD")
	next(t, r, "ADD")
	if err := os.Remove(j.path()); err != nil { // a person did
		t.Fatal(err)
	}
	note(t, j, "DEL")
	next(t, r, "DEL")
	if left, _ := filepath.Glob(filepath.Join(j.Dir, "*")); len(left) != 2 {
		t.Errorf("%q", left)
	}
}
