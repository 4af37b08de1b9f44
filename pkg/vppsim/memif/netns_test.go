package memif_test

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/userspace-cni/userspace-cni/pkg/vppsim/memif"
)

// netns makes a network namespace that lives as long as the test.
func netns(t *testing.T) string {
	t.Helper()
	type result struct {
		file *os.File
		err  error
	}
	made := make(chan result)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			made <- result{nil, err}
			return
		}
		f, err := os.Open("/proc/thread-self/ns/net")
		made <- result{f, err}
	}()
	r := <-made
	if errors.Is(r.err, unix.EPERM) {
		t.Skip("needs CAP_SYS_ADMIN to make a network namespace: run as root")
	}
	if r.err != nil {
		t.Fatal(r.err)
	}
	t.Cleanup(func() { _ = r.file.Close() })
	return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), r.file.Fd())
}

func TestAbstractSocketInNetns(t *testing.T) {
	ns := netns(t)
	h := host(t)
	const name = "abstract:vppsim/netns-test"
	m := master(t, listen(t, h, name+",netns_name="+ns), memif.Config{})
	outside := slave(t, h, name, memif.Config{})
	inside := slave(t, h, name+",netns_name="+ns, memif.Config{})
	m.wantLink(t, true)
	inside.wantLink(t, true)
	exchange(t, m, inside, 60)
	if outside.Status().Connected || outside.Status().RemoteReason != "" {
		t.Errorf("a slave in another namespace got through: %+v", outside.Status())
	}
}
