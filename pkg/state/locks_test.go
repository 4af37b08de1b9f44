package state

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// patience bounds what must succeed, briefly what must not.
const (
	patience = 20 * time.Second
	briefly  = 20 * time.Millisecond
)

func mustLock(t *testing.T, l Locks, name string) func() {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	unlock, err := l.Lock(ctx, name)
	if err != nil {
		t.Fatal(err)
	}
	return unlock
}

func mustNotLock(t *testing.T, l Locks, name string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), briefly)
	defer cancel()
	unlock, err := l.Lock(ctx, name)
	if err == nil {
		unlock()
		t.Fatalf("locked %s, which another has", name)
	}
	if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, ErrLocked) {
		t.Errorf("error %v", err)
	}
}

// holder is a process that holds a lock.
func holder(t *testing.T, l Locks, name string) (cmd *exec.Cmd, release func()) {
	t.Helper()
	cmd = another(t, "hold", l.Dir, name)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(stdout).ReadString('\n'); line != "locked\n" {
		t.Fatalf("the other process said %q (%v)", line, err)
	}
	return cmd, func() {
		stdin.Close()
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	}
}

func TestLockExcludesProcesses(t *testing.T) {
	l := Locks{Dir: t.TempDir()}
	_, release := holder(t, l, "bridge/1")
	mustNotLock(t, l, "bridge/1")
	mustLock(t, l, "bridge/2")()
	release()
	mustLock(t, l, "bridge/1")()
}

func TestLockCounts(t *testing.T) {
	const processes = 4
	l := Locks{Dir: t.TempDir()}
	var all []*exec.Cmd
	for range processes {
		cmd := another(t, "count", l.Dir, "counter")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		all = append(all, cmd)
	}
	for _, cmd := range all {
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	}
	data, err := os.ReadFile(filepath.Join(l.Dir, "counter"))
	if got, want := string(data), fmt.Sprint(processes*rounds); got != want {
		t.Errorf("counted to %s of %s (%v)", got, want, err)
	}
}

func TestLockEndsWithItsProcess(t *testing.T) {
	l := Locks{Dir: t.TempDir()}
	cmd, _ := holder(t, l, "x")
	mustNotLock(t, l, "x")
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	mustLock(t, l, "x")()
}

// TestLockExcludesCallsOfOneProcess: OFD locks, unlike POSIX ones, belong to
// the open file, not to the process.
func TestLockExcludesCallsOfOneProcess(t *testing.T) {
	l := Locks{Dir: t.TempDir()}
	unlock := mustLock(t, l, "x")
	mustNotLock(t, l, "x")
	other := mustLock(t, l, "y")
	other() // closing another file of the process keeps the first lock
	mustNotLock(t, l, "x")
	unlock()
	mustLock(t, l, "x")()
}

// TestLockGivenUp: a wait that was given up doesn't keep the lock when it comes
// later, nor a goroutine.
func TestLockGivenUp(t *testing.T) {
	defer goleak.VerifyNone(t)
	l := Locks{Dir: t.TempDir()}
	unlock := mustLock(t, l, "x")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(io.ErrUnexpectedEOF)
	if _, err := l.Lock(ctx, "x"); !errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, ErrLocked) {
		t.Errorf("given up beforehand: %v", err)
	}
	mustNotLock(t, l, "x")
	unlock()
	mustLock(t, l, "x")()
}

func TestLockNowhere(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	writeFile(t, file, "")
	if _, err := (Locks{Dir: file}).Lock(t.Context(), "x"); err == nil {
		t.Error("locked in a file")
	}
	mkdir(t, filepath.Join(dir, "lock"))
	if _, err := (Locks{Dir: dir}).Lock(t.Context(), "x"); err == nil {
		t.Error("locked a directory")
	}
}

// TestLockInherited: a program that was started under an inherited lock keeps it,
// and under another it doesn't.
func TestLockInherited(t *testing.T) {
	dir := t.TempDir()
	for _, inherited := range []bool{false, true} {
		l := Locks{Dir: dir, Inherited: inherited}
		name := fmt.Sprint(inherited)
		unlock := mustLock(t, l, name)
		child := exec.Command("sleep", "1000")
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		unlock()
		if inherited {
			mustNotLock(t, l, name)
		} else {
			mustLock(t, l, name)()
		}
		_ = child.Process.Kill()
		_ = child.Wait()
		mustLock(t, l, name)()
	}
}

// TestLockOfAnotherFile: who waited for a lock in a file that was removed meanwhile
// has it in the one that others lock.
func TestLockOfAnotherFile(t *testing.T) {
	l := Locks{Dir: t.TempDir()}
	unlock := mustLock(t, l, "x")
	got := make(chan func())
	go func() {
		unlock, err := l.Lock(t.Context(), "x") // without a deadline it queues in the kernel
		if err != nil {
			t.Error(err)
		}
		got <- unlock
	}()
	for end := time.Now().Add(patience); opened(filepath.Join(l.Dir, "lock")) < 2; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the other call never came")
		}
	}
	if err := Clear(l.Dir); err != nil {
		t.Fatal(err)
	}
	unlock()
	unlock = <-got
	mustNotLock(t, l, "x")
	unlock()
	mustLock(t, l, "x")()
}

// opened is how many times this process has a file open.
func opened(path string) (times int) {
	links, _ := filepath.Glob("/proc/self/fd/*")
	for _, link := range links {
		if target, err := os.Readlink(link); err == nil && target == path {
			times++
		}
	}
	return times
}

// TestBusy: any lock but one's own counts, by whomever it is held.
func TestBusy(t *testing.T) {
	l := Locks{Dir: t.TempDir()}
	is := func(want bool) {
		t.Helper()
		if busy, err := l.Busy("installer"); err != nil || busy != want {
			t.Errorf("busy: %v, %v, want %v", busy, err, want)
		}
	}
	is(false) // there is no file yet
	own := mustLock(t, l, "installer")
	defer own()
	is(false)
	for i := range 20 { // on both sides of it
		unlock := mustLock(t, l, fmt.Sprint(i))
		is(true)
		unlock()
		is(false)
	}
}
