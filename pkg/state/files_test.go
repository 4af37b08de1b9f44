package state

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var (
	blue = Attachment{"blue", "0123456789abcdef", "net1"}
	red  = Attachment{"red", "0123456789abcdef", "net1"}
)

func mustReserve(t *testing.T, f Files, r *Record, start uint32) {
	t.Helper()
	if err := f.Reserve(r, start, anything); err != nil {
		t.Fatal(err)
	}
}

func mustDelete(t *testing.T, f Files, all ...Attachment) {
	t.Helper()
	for _, a := range all {
		if err := f.Delete(a); err != nil {
			t.Fatal(err)
		}
		if _, err := f.Get(a); !errors.Is(err, ErrNotFound) {
			t.Errorf("after Delete: %v", err)
		}
	}
}

func TestPutGetDelete(t *testing.T) {
	f := newFiles(t)
	if _, err := f.Get(blue); !errors.Is(err, ErrNotFound) {
		t.Errorf("empty store: %v", err)
	}
	want := &Record{
		Attachment: blue, Netns: "/run/netns/p", Created: time.Unix(1700000000, 5).UTC(), Done: true,
		Config: "c0", Engine: "vpp", Socket: "/run/vpp/api.sock", Spec: json.RawMessage(`{"a":1}`),
		Numbers: []uint32{4, 9}, Dir: "/d", Link: "/l", Files: []string{"s", "c"}, Result: json.RawMessage(`{"b":2}`),
		IPAM: "host-local", NetConf: json.RawMessage(`{"c":3}`),
	}
	for range 2 {
		if err := f.Put(want); err != nil {
			t.Fatal(err)
		}
		got, err := f.Get(blue)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("-put +got:\n%s", diff)
		}
	}
	if info, err := os.Stat(f.record(blue.Key())); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the record, which may hold a secret, has mode %v (%v)", info.Mode(), err)
	}
	if _, err := f.Get(red); !errors.Is(err, ErrNotFound) {
		t.Errorf("another network's record: %v", err)
	}
	mustDelete(t, f, blue, blue)
}

// unreadable are contents that are no record of blue's, and words of the error.
var unreadable = map[string]string{
	"":                           "unexpected end",
	"{":                          "unexpected end",
	"null":                       "version 0",
	"[]":                         "cannot unmarshal",
	"{}":                         "version 0",
	`{"version":1}`:              "it is about",
	`{"version":2,"network":"?`:  "unexpected end",
	record(blue, 2):              "version 2",
	record(red, 1):               "it is about",
	record(blue, 1) + "x":        "invalid character",
	`{"version":1,"numbers":-1}`: "cannot unmarshal",
}

func record(a Attachment, version int) string {
	data, _ := json.Marshal(Record{Attachment: a, Version: version, Numbers: []uint32{7}})
	return string(data)
}

func TestDamagedRecord(t *testing.T) {
	for content, words := range unreadable {
		t.Run(content, func(t *testing.T) {
			f := newFiles(t)
			mustReserve(t, f, &Record{Attachment: blue}, 7)
			other := &Record{Attachment: red}
			mustReserve(t, f, other, 7)
			writeFile(t, f.record(blue.Key()), content)
			_, err := f.Get(blue)
			if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), words) || !strings.Contains(err.Error(), f.Dir) {
				t.Errorf("Get: %v, want ErrDamaged with %q and the path", err, words)
			}
			if err := f.Reserve(&Record{Attachment: blue}, 7, anything); !errors.Is(err, ErrDamaged) {
				t.Errorf("Reserve over it: %v", err)
			}
			mustDelete(t, f, blue)
			checkOwners(t, f, other)
			mustDelete(t, f, red)
		})
	}
}

func writeFile(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestDeleteWithoutRecord: somebody removed the records; no number stays taken.
func TestDeleteWithoutRecord(t *testing.T) {
	f := newFiles(t)
	mustReserve(t, f, &Record{Attachment: blue}, 7)
	other := &Record{Attachment: red}
	mustReserve(t, f, other, 7)
	if err := os.Remove(f.record(blue.Key())); err != nil {
		t.Fatal(err)
	}
	mustDelete(t, f, blue)
	checkOwners(t, f, other)
	mustDelete(t, f, red)
}

func TestReserveCollision(t *testing.T) {
	f := newFiles(t)
	first, second := &Record{Attachment: blue}, &Record{Attachment: red}
	mustReserve(t, f, first, 7)
	mustReserve(t, f, second, 7)
	if diff := cmp.Diff([][]uint32{{7}, {8}}, [][]uint32{first.Numbers, second.Numbers}); diff != "" {
		t.Error(diff)
	}
	mustReserve(t, f, first, 7) // VPP had 7 taken
	if diff := cmp.Diff([]uint32{7, 9}, first.Numbers); diff != "" {
		t.Error(diff)
	}
	checkOwners(t, f, first, second)
	mustDelete(t, f, blue)
	mustReserve(t, f, second, 7) // given back
	if diff := cmp.Diff([]uint32{8, 7}, second.Numbers); diff != "" {
		t.Error(diff)
	}
	checkOwners(t, f, second)
	mustDelete(t, f, red)
}

// TestReserveAgain: a repeated ADD takes the first number again and forgets
// none of those that the earlier one had.
func TestReserveAgain(t *testing.T) {
	f := newFiles(t)
	r := &Record{Attachment: blue}
	for range 3 {
		mustReserve(t, f, r, 7)
	}
	again := &Record{Attachment: blue}
	mustReserve(t, f, again, 7)
	if diff := cmp.Diff([]uint32{8, 9, 7}, again.Numbers); diff != "" {
		t.Error(diff)
	}
	checkOwners(t, f, again)
	mustDelete(t, f, blue)
}

// TestReserveDescribes: the record that is written is the described one, and a
// number that can't be described leaves nothing.
func TestReserveDescribes(t *testing.T) {
	f := newFiles(t)
	r := &Record{Attachment: blue}
	refused := errors.New("refused")
	if err := f.Reserve(r, 7, func(uint32) error { return refused }); !errors.Is(err, refused) {
		t.Errorf("error %v", err)
	}
	if left := tree(t, f.Dir); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
	r.Numbers = nil
	err := f.Reserve(r, 7, func(n uint32) error {
		r.Spec = json.RawMessage(fmt.Sprint(n))
		return nil
	})
	if err != nil || string(r.Spec) != "7" {
		t.Errorf("spec %s, error %v", r.Spec, err)
	}
	checkOwners(t, f, r)
	mustDelete(t, f, blue)
}

func TestReserveAtTheEnd(t *testing.T) {
	f := newFiles(t)
	first, second := &Record{Attachment: blue}, &Record{Attachment: red}
	mustReserve(t, f, first, ^uint32(0))
	for _, start := range []uint32{^uint32(0), 0} {
		if err := f.Reserve(second, start, anything); err == nil {
			t.Errorf("start %d: reserved %v", start, second.Numbers)
		}
	}
	mustDelete(t, f, blue, red)
}

// TestKilled builds what a killed call leaves after each of its steps. Delete
// cleans up from there, and so does the next Reserve with Delete; another
// attachment is never disturbed.
func TestKilled(t *testing.T) {
	states := map[string]func(t *testing.T, f Files){
		"Put: nothing yet": func(t *testing.T, f Files) {},
		"Put: draft begun": func(t *testing.T, f Files) {
			writeFile(t, f.record(blue.Key())+draftSuffix, `{"ver`)
		},
		"Put: new draft beside the old record": func(t *testing.T, f Files) {
			mustReserve(t, f, &Record{Attachment: blue}, 7)
			writeFile(t, f.record(blue.Key())+draftSuffix, record(blue, 1))
		},
		"Reserve: record without the number": func(t *testing.T, f Files) {
			if err := f.Put(&Record{Attachment: blue, Numbers: []uint32{7}}); err != nil {
				t.Fatal(err)
			}
		},
		"Reserve: record of a number that another took": func(t *testing.T, f Files) {
			if err := f.Put(&Record{Attachment: blue, Numbers: []uint32{6}}); err != nil {
				t.Fatal(err)
			}
		},
		"Reserve: done": func(t *testing.T, f Files) {
			mustReserve(t, f, &Record{Attachment: blue}, 7)
		},
		"Delete: number gone": func(t *testing.T, f Files) {
			mustReserve(t, f, &Record{Attachment: blue}, 7)
			if err := os.Remove(f.number(7)); err != nil {
				t.Fatal(err)
			}
		},
	}
	for name, build := range states {
		for _, next := range []string{"Delete", "Reserve"} {
			t.Run(name+", then "+next, func(t *testing.T) {
				f := newFiles(t)
				other := &Record{Attachment: red}
				mustReserve(t, f, other, 6)
				mkdir(t, filepath.Dir(f.record("")))
				build(t, f)
				if next == "Reserve" {
					r := &Record{Attachment: blue}
					mustReserve(t, f, r, 6)
					checkOwners(t, f, r, other)
				}
				mustDelete(t, f, blue)
				checkOwners(t, f, other)
				mustDelete(t, f, red)
			})
		}
	}
}

func mkdir(t *testing.T, path string) {
	t.Helper()
	if err := os.MkdirAll(path, 0o700); err != nil {
		t.Fatal(err)
	}
}

// TestPutIsWholeOrNot: a reader sees one of the records, never a part of one.
func TestPutIsWholeOrNot(t *testing.T) {
	f := newFiles(t)
	versions := []*Record{
		{Attachment: blue, Config: strings.Repeat("a", 100_000)},
		{Attachment: blue, Config: "b"},
	}
	if err := f.Put(versions[0]); err != nil {
		t.Fatal(err)
	}
	stop, stopped := make(chan struct{}), make(chan error, 1)
	go func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				stopped <- nil
				return
			default:
			}
			if err := f.Put(versions[i%2]); err != nil {
				stopped <- err
				return
			}
		}
	}()
	for range 500 {
		if _, err := f.Get(blue); err != nil {
			t.Fatal(err)
		}
	}
	close(stop)
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	mustDelete(t, f, blue)
}

// TestReserveRaces: many take from the same start at once and give back, and
// whoever reserved has the number for itself until Delete.
func TestReserveRaces(t *testing.T) {
	f := newFiles(t)
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			a := Attachment{"net", fmt.Sprint(i), "net1"}
			for range 200 {
				r := &Record{Attachment: a}
				if err := f.Reserve(r, 7, anything); err != nil {
					t.Error(err)
					return
				}
				if owner, err := os.Readlink(f.number(last(r))); owner != a.Key() {
					t.Errorf("number %d belongs to %q (%v)", last(r), owner, err)
					return
				}
				if err := f.Delete(a); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
}

// TestReserveInManyProcesses: no number is given twice, and none left out.
func TestReserveInManyProcesses(t *testing.T) {
	const processes = 4
	f := newFiles(t)
	outputs := make([]bytes.Buffer, processes)
	var all sync.WaitGroup
	for i := range processes {
		cmd := another(t, "reserve", f.Dir, fmt.Sprint(i))
		cmd.Stdout = &outputs[i]
		all.Go(func() {
			if err := cmd.Run(); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	seen := map[string]bool{}
	for i := range outputs {
		lines := bufio.NewScanner(&outputs[i])
		for lines.Scan() {
			if seen[lines.Text()] {
				t.Errorf("%s was given twice", lines.Text())
			}
			seen[lines.Text()] = true
		}
	}
	for n := 7; n < 7+processes*rounds; n++ {
		if !seen[fmt.Sprint(n)] {
			t.Errorf("%d was left out", n)
		}
	}
	for i := range processes {
		for j := range rounds {
			mustDelete(t, f, Attachment{"net", fmt.Sprint(i), fmt.Sprintf("net%d", j)})
		}
	}
}

// TestUnwritable: an error says what failed, and no draft stays.
func TestUnwritable(t *testing.T) {
	f := newFiles(t)
	mkdir(t, f.record(blue.Key())) // a directory where the record belongs
	r := &Record{Attachment: blue}
	if err := f.Put(r); err == nil {
		t.Error("Put succeeded")
	}
	if err := os.Remove(f.record(blue.Key())); err != nil {
		t.Fatal(err)
	}
	writeFile(t, f.numbers(), "a file where a directory belongs")
	if err := f.Reserve(r, 7, anything); err == nil {
		t.Error("Reserve succeeded")
	}
	if err := os.Remove(f.numbers()); err != nil {
		t.Fatal(err)
	}
	mkdir(t, f.numbers())
	writeFile(t, f.number(7), "not a link")
	mustReserve(t, f, r, 7)
	if last(r) != 8 {
		t.Errorf("reserved %d, which is nobody's link", last(r))
	}
	mustDelete(t, f, blue)
	if err := os.Remove(f.number(7)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
}
