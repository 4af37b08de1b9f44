package lab

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Change is a system call by which a program changes something outside of
// itself: a file system, or what is at the other end of a socket.
type Change struct {
	Call   string
	Target string // the file or socket
}

func (c Change) String() string { return c.Call + " " + c.Target }

// Trace runs a command and lets each decide whether it is killed at a change:
// before it, and again right after it when it is a message on a socket. It
// returns false when the command has ended by itself. Plugins that the command
// starts are not traced. The command's output must be files.
func Trace(cmd *exec.Cmd, kill func(c Change, after bool) bool) (killed bool, err error) {
	t := tracer{kill: kill, sending: map[int]Change{}}
	ended := make(chan error, 1)
	go func() {
		// ptrace(2) knows threads, and this one's only children are the traced
		// threads: VPPs are another's.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		ended <- t.start(cmd)
	}()
	err = <-ended
	_ = cmd.Wait() // the tracer has reaped it; what copies its input ends here
	return t.killed, err
}

type tracer struct {
	pid  int
	kill func(Change, bool) bool
	// sending are the threads that are in a call that sends a message.
	sending map[int]Change
	killed  bool
}

func (t *tracer) start(cmd *exec.Cmd) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Ptrace: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	t.pid = cmd.Process.Pid
	if err := t.run(); err != nil {
		return errors.Join(err, cmd.Process.Kill())
	}
	return nil
}

// run serves the stops of all threads until the process has gone.
func (t *tracer) run() error {
	var status unix.WaitStatus
	if _, err := unix.Wait4(t.pid, &status, unix.WALL, nil); err != nil {
		return fmt.Errorf("wait for the traced command: %w", err)
	}
	options := unix.PTRACE_O_TRACESYSGOOD | unix.PTRACE_O_TRACECLONE | unix.PTRACE_O_EXITKILL
	if err := unix.PtraceSetOptions(t.pid, options); err != nil {
		return fmt.Errorf("trace: %w", err)
	}
	if err := unix.PtraceSyscall(t.pid, 0); err != nil {
		return fmt.Errorf("trace: %w", err)
	}
	for {
		// Only this thread's children: others wait for VPP.
		thread, err := unix.Wait4(-1, &status, unix.WALL|unix.WNOTHREAD, nil)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.ECHILD):
			return nil
		case err != nil:
			return fmt.Errorf("wait for the traced command: %w", err)
		}
		if !status.Stopped() {
			continue // a thread has ended; with the last one, there is no child left
		}
		if err := t.stopped(thread, status); err != nil {
			return err
		}
	}
}

// stopped serves one stop, and lets the thread go on.
func (t *tracer) stopped(thread int, status unix.WaitStatus) error {
	deliver := 0
	switch signal := status.StopSignal(); {
	case signal == unix.SIGTRAP|0x80:
		if err := t.call(thread); err != nil {
			return err
		}
	case signal != unix.SIGTRAP && signal != unix.SIGSTOP: // those are the trace's own
		deliver = int(signal)
	}
	err := unix.PtraceSyscall(thread, deliver)
	if errors.Is(err, unix.ESRCH) { // killed meanwhile
		return nil
	}
	return err
}

// syscallInfo is struct ptrace_syscall_info of linux/ptrace.h.
type syscallInfo struct {
	op     uint8
	_      [3]uint8
	_      uint32
	_, _   uint64
	number uint64 // of an entry
	args   [6]uint64
}

// Values of syscallInfo.op.
const (
	callEntered = 1
	callLeft    = 2
)

func (t *tracer) call(thread int) error {
	var info syscallInfo
	_, _, errno := unix.Syscall6(unix.SYS_PTRACE, unix.PTRACE_GET_SYSCALL_INFO, uintptr(thread),
		unsafe.Sizeof(info), uintptr(unsafe.Pointer(&info)), 0, 0)
	if errno == unix.ESRCH {
		return nil
	}
	if errno != 0 {
		return fmt.Errorf("trace: %w", errno)
	}
	var change Change
	after := info.op == callLeft
	if after {
		sent, ok := t.sending[thread]
		if !ok {
			return nil
		}
		delete(t.sending, thread)
		change = sent
	} else {
		found, ok := t.change(info)
		if info.op != callEntered || !ok {
			return nil
		}
		change = found
		if strings.HasPrefix(change.Target, "socket:") {
			t.sending[thread] = change
		}
	}
	if !t.killed && t.kill(change, after) {
		t.killed = true
		return unix.Kill(t.pid, unix.SIGKILL)
	}
	return nil
}

// Calls that change something, by what their arguments are.
var (
	// onPath have a directory and a name in it.
	onPath = map[uint64]string{
		unix.SYS_MKDIRAT: "mkdir", unix.SYS_UNLINKAT: "unlink", unix.SYS_RENAMEAT: "rename", unix.SYS_RENAMEAT2: "rename",
		unix.SYS_FCHMODAT: "chmod", unix.SYS_FCHOWNAT: "chown", unix.SYS_MKNODAT: "mknod",
		unix.SYS_LINKAT: "link",
	}
	// onFile have a file descriptor.
	onFile = map[uint64]string{
		unix.SYS_FCHMOD: "chmod", unix.SYS_FCHOWN: "chown", unix.SYS_FTRUNCATE: "truncate",
		unix.SYS_WRITE: "write", unix.SYS_PWRITE64: "write", unix.SYS_SENDMSG: "send", unix.SYS_SENDTO: "send",
	}
)

// change tells whether a call changes something.
func (t *tracer) change(info syscallInfo) (Change, bool) {
	if name, ok := onPath[info.number]; ok {
		return Change{name, t.path(info.args[1])}, true
	}
	if name, ok := onFile[info.number]; ok {
		target, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", t.pid, int32(info.args[0])))
		ours := slices.ContainsFunc([]string{"pipe:", "anon_inode:", "/dev/"}, func(p string) bool { return strings.HasPrefix(target, p) })
		isOutput := info.args[0] <= 2 // stdout and stderr, whatever they are
		return Change{name, target}, err == nil && !ours && !isOutput
	}
	switch info.number {
	case unix.SYS_OPENAT:
		return Change{"create", t.path(info.args[1])}, info.args[2]&(unix.O_CREAT|unix.O_TRUNC) != 0
	case unix.SYS_SYMLINKAT:
		return Change{"symlink", t.path(info.args[2])}, true
	}
	return Change{}, false
}

// path reads a string of the stopped process.
func (t *tracer) path(address uint64) string {
	memory, err := os.Open(fmt.Sprintf("/proc/%d/mem", t.pid))
	if err != nil {
		return "?"
	}
	defer memory.Close()
	buffer := make([]byte, unix.PathMax)
	n, _ := memory.ReadAt(buffer, int64(address)) // as far as there is memory
	path, _, _ := strings.Cut(string(buffer[:n]), "\x00")
	return path
}
