package state

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

// roleVariable makes the test's own binary play another process.
const roleVariable = "STATE_TEST_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(roleVariable) {
	case "hold":
		play(holdLock)
	case "count":
		play(countUnderLock)
	case "reserve":
		play(reserveMany)
	}
	goleak.VerifyTestMain(m)
}

// play runs a role with its arguments in the environment and leaves.
func play(role func(dir, name string) error) {
	if err := role(os.Getenv("DIR"), os.Getenv("NAME")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// another returns the test binary in a role.
func another(t *testing.T, role, dir, name string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), roleVariable+"="+role, "DIR="+dir, "NAME="+name)
	cmd.Stderr = os.Stderr
	return cmd
}

// holdLock takes a lock, says so, and keeps it until stdin ends.
func holdLock(dir, name string) error {
	unlock, err := Locks{Dir: dir}.Lock(context.Background(), name)
	if err != nil {
		return err
	}
	defer unlock()
	fmt.Println("locked")
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

const rounds = 50

// countUnderLock adds to a number in a file without any other protection.
func countUnderLock(dir, name string) error {
	for range rounds {
		unlock, err := Locks{Dir: dir}.Lock(context.Background(), name)
		if err != nil {
			return err
		}
		counter := filepath.Join(dir, "counter")
		data, err := os.ReadFile(counter)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		n, _ := strconv.Atoi(string(data))
		if err := os.WriteFile(counter, []byte(strconv.Itoa(n+1)), 0o600); err != nil {
			return err
		}
		unlock()
	}
	return nil
}

// reserveMany reserves for attachments of its own and prints the numbers.
func reserveMany(dir, name string) error {
	for i := range rounds {
		r := &Record{Attachment: Attachment{"net", name, "net" + strconv.Itoa(i)}}
		if err := (Files{dir}).Reserve(r, 7, anything); err != nil {
			return err
		}
		fmt.Println(last(r))
	}
	return nil
}

// anything describes no number.
func anything(uint32) error { return nil }

func last(r *Record) uint32 { return r.Numbers[len(r.Numbers)-1] }

// newFiles returns an empty store whose invariants are checked when the test
// ends, and which must then be empty.
func newFiles(t *testing.T) Files {
	t.Helper()
	f := Files{Dir: t.TempDir()}
	t.Cleanup(func() {
		if left := tree(t, f.Dir); len(left) > 0 {
			t.Errorf("left behind: %q", left)
		}
	})
	return f
}

// tree lists all that isn't a directory.
func tree(t *testing.T, dir string) []string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			all = append(all, strings.TrimPrefix(path, dir+"/"))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// checkOwners: whoever has a number has a record that says so.
func checkOwners(t *testing.T, f Files, records ...*Record) {
	t.Helper()
	byKey := map[string]*Record{}
	for _, r := range records {
		stored, err := f.Get(r.Attachment)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(r, stored); diff != "" {
			t.Errorf("stored otherwise (-given +stored):\n%s", diff)
		}
		byKey[r.Key()] = stored
		if owner, err := os.Readlink(f.number(last(r))); err != nil || owner != r.Key() {
			t.Errorf("number %d of %s belongs to %q (%v)", last(r), r.Key(), owner, err)
		}
	}
	for _, name := range tree(t, f.numbers()) {
		owner, _ := os.Readlink(filepath.Join(f.numbers(), name))
		n, _ := strconv.ParseUint(name, 10, 32)
		if r := byKey[owner]; r == nil || !slices.Contains(r.Numbers, uint32(n)) {
			t.Errorf("number %s belongs to %s, whose record doesn't have it", name, owner)
		}
	}
}
