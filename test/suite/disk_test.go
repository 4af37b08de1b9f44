package suite

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/userspace-cni/userspace-cni/pkg/state"
)

// mount puts a file system of a few files, counting its root, at a path.
func (b *bench) mount(path string, files int) (unmount func()) {
	b.Helper()
	must(b, os.MkdirAll(path, 0o755))
	must(b, syscall.Mount("tmpfs", path, "tmpfs", 0, fmt.Sprintf("nr_inodes=%d,mode=755", files)))
	return func() { must(b, syscall.Unmount(path, syscall.MNT_DETACH)) }
}

// TestFullDisk leaves room for so many files only, one more at each ADD: in the
// shared directory, and where the records are. An ADD succeeds, or says what it
// couldn't write and leaves nothing.
func TestFullDisk(t *testing.T) {
	b := newBench(t, engines[0])
	for _, dir := range []string{b.sharedDir(), state.DefaultDir} {
		failed, done := 0, false
		for files := 2; !done && !t.Failed(); files++ {
			unmount := b.mount(dir, files)
			a := b.attach(b.network("net", b.hostLocal(1)), "full", "net1")
			reply := a.call("ADD")
			if done = reply.Error() == nil; done {
				a.del()
			} else {
				failed++
				code := uint(5)
				if strings.Contains(reply.Msg, "VPP could not listen") {
					code = 100 // it is VPP that makes the socket
				}
				a.mustBeRefused(reply, code, dir)
			}
			if left := b.left(); left != "" {
				t.Errorf("room for %d files in %s: left behind:\n%s", files, dir, left)
			}
			unmount()
		}
		if failed < 2 {
			t.Errorf("%s: ADD failed %d times, want it more often", dir, failed)
		}
	}
}

// TestReadOnly makes each of the plugin's directories read-only.
func TestReadOnly(t *testing.T) {
	b := newBench(t, engines[0])
	for _, dir := range []string{b.sharedDir(), state.DefaultDir} {
		unmount := b.mount(dir, 100)
		must(b, syscall.Mount("", dir, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""))
		b.attach(b.network("net", b.hostLocal(1)), "read-only", "net1").mustFail("ADD", 5, dir, "read-only")
		if left := b.left(); left != "" {
			t.Errorf("%s read-only: left behind:\n%s", dir, left)
		}
		unmount()
	}
}

// TestDelOnBadDisk deletes while nothing can be written where the records are.
// Where it is read-only there are no locks either: DEL says so and touches
// nothing, and the next one does the work. On a full disk DEL works.
func TestDelOnBadDisk(t *testing.T) {
	onEach(t, func(b *bench) {
		unmount := b.mount(state.DefaultDir, 100)
		defer unmount()
		a := b.attach(b.network("net", b.hostLocal(1)), "read-only", "net1")
		a.add()
		must(b, syscall.Mount("", state.DefaultDir, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""))
		a.mustFail("DEL", 5, state.DefaultDir, "read-only")
		must(b, syscall.Mount("", state.DefaultDir, "", syscall.MS_REMOUNT, ""))
		a.del()
		b.nothingLeft()
		a.add()
		b.fill(state.DefaultDir)
		a.del()
		b.nothingLeft()
	})
}

// fill leaves no room for another file in a directory.
func (b *bench) fill(dir string) {
	b.Helper()
	numbers := filepath.Join(dir, "names", "filled") // a place of ours that nobody looks into
	must(b, os.MkdirAll(numbers, 0o755))
	for i := 0; ; i++ {
		err := os.WriteFile(filepath.Join(numbers, fmt.Sprint(i)), nil, 0o644)
		if errors.Is(err, syscall.ENOSPC) {
			return
		}
		must(b, err)
	}
}

// TestOwnNetns refuses the plugin's own network namespace before anything is
// made in its name; the library would do so afterwards.
func TestOwnNetns(t *testing.T) {
	b := newBench(t, engines[0])
	a := b.attach(b.network("net", b.hostLocal(1)), "host-network", "net1")
	a.netns = "/proc/self/ns/net"
	a.mustFail("ADD", 8, "CNI_NETNS", a.netns)
	if left := b.left(); left != "" {
		t.Errorf("left behind:\n%s", left)
	}
	if _, err := os.Stat(filepath.Join(b.sharedDir(), a.id)); err == nil {
		t.Error("the shared directory was made")
	}
}
