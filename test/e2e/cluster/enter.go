package cluster

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"github.com/userspace-cni/userspace-cni/test/lab"
)

// The program runs three times: as whoever started it, as the first process of the
// namespaces, and as what is done in them. That one is a process of its own because
// the first one collects what others leave: containerd's shims have no other parent.
const (
	stageVariable  = "USERSPACE_CNI_E2E_STAGE"
	cgroupVariable = "USERSPACE_CNI_E2E_CGROUP"

	first  = "first"
	inside = "inside"
)

// CannotRunError is why there can be no cluster on this machine, whatever is tried.
type CannotRunError struct{ reason error }

func (e *CannotRunError) Error() string { return e.reason.Error() }
func (e *CannotRunError) Unwrap() error { return e.reason }

// Enter runs the program again in process, mount, network, IPC and host name
// namespaces of its own. There it returns true, and the program goes on; outside it
// returns the exit code once everything in the namespaces has ended.
func Enter() (entered bool, code int, err error) {
	switch os.Getenv(stageVariable) {
	case inside:
		return true, 0, nil
	case first:
		code, err = beFirst()
		return false, code, err
	}
	if os.Geteuid() != 0 {
		return false, 1, &CannotRunError{errors.New("this user isn't root")}
	}
	code, err = outside()
	return false, code, err
}

// outside stays there to remove the only thing that doesn't vanish with the
// namespaces: control groups.
func outside() (code int, err error) {
	group, err := newGroup()
	if err != nil {
		return 1, &CannotRunError{err}
	}
	defer func() {
		if left := group.remove(); left != nil && err == nil {
			code, err = 1, left
		}
	}()
	runtime.LockOSThread() // Pdeathsig is sent when the thread ends
	defer runtime.UnlockOSThread()
	cmd := again(first)
	cmd.Env = append(cmd.Env, cgroupVariable+"="+string(group))
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWNET | syscall.CLONE_NEWPID | syscall.CLONE_NEWIPC | syscall.CLONE_NEWUTS,
		Pdeathsig:  syscall.SIGKILL,
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)
	if err := cmd.Start(); err != nil {
		return 1, &CannotRunError{fmt.Errorf("no namespaces of our own: %w", err)}
	}
	go func() {
		for range signals {
			cmd.Process.Kill() // and with it everything in its namespaces
		}
	}()
	_ = cmd.Wait()
	switch cmd.ProcessState.ExitCode() {
	case -1:
		return 1, fmt.Errorf("interrupted")
	case notFurnished:
		return 1, &CannotRunError{errors.New("namespaces can't be furnished here, see above")}
	}
	return cmd.ProcessState.ExitCode(), nil
}

// again is this program, once more.
func again(stage string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Args[0] = os.Args[0]
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), stageVariable+"="+stage)
	return cmd
}

// notFurnished is the exit code of a first process that may not mount what it must.
const notFurnished = 77

// beFirst furnishes the namespaces, starts the program in them, and waits for
// whatever ends, until that does.
func beFirst() (int, error) {
	if err := furnish(); err != nil {
		return notFurnished, err
	}
	cmd := again(inside)
	if err := cmd.Start(); err != nil {
		return 1, err
	}
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, 0, nil)
		switch {
		case err == syscall.EINTR:
		case err != nil:
			return 1, fmt.Errorf("wait: %w", err)
		case pid == cmd.Process.Pid && status.Exited():
			return status.ExitStatus(), nil
		case pid == cmd.Process.Pid:
			return 1, fmt.Errorf("ended by %s", status.Signal())
		}
	}
}

func furnish() error {
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	if err := syscall.Mount("proc", "/proc", "proc", 0, ""); err != nil {
		return fmt.Errorf("mount /proc: %w", err)
	}
	if err := lab.Furnish(); err != nil {
		return err
	}
	return furnishNode()
}

// group is the name of the control group below which the pods have theirs.
type group string

const groupPrefix = "userspace-cni-e2e-"

// newGroup makes it in every hierarchy, after removing those of runs that were
// killed.
func newGroup() (group, error) {
	for _, dir := range hierarchies() {
		old, _ := filepath.Glob(filepath.Join(dir, groupPrefix+"*"))
		for _, path := range old {
			name := group(filepath.Base(path))
			if syscall.Kill(name.pid(), 0) == syscall.ESRCH {
				_ = name.remove()
			}
		}
	}
	name := group(fmt.Sprintf("%s%d", groupPrefix, os.Getpid()))
	for _, dir := range hierarchies() {
		if err := os.Mkdir(filepath.Join(dir, string(name)), 0o755); err != nil {
			return name, fmt.Errorf("a control group for the pods: %w", err)
		}
	}
	return name, nil
}

func (g group) pid() (pid int) {
	_, _ = fmt.Sscanf(string(g), groupPrefix+"%d", &pid)
	return pid
}

// hierarchies are the directories below which there are control groups: one with
// cgroup v2, one for each controller with v1.
func hierarchies() []string {
	const root = "/sys/fs/cgroup"
	if _, err := os.Stat(root + "/cgroup.controllers"); err == nil {
		return []string{root}
	}
	found, _ := filepath.Glob(root + "/*/cgroup.procs")
	var dirs []string
	for _, path := range found {
		dir := filepath.Dir(path)
		if info, err := os.Lstat(dir); err == nil && info.IsDir() { // links name the same once more
			dirs = append(dirs, dir)
		}
	}
	return dirs
}

// remove removes it with all below. Processes that have been killed may take a
// moment to leave.
func (g group) remove() error {
	until := time.Now().Add(10 * time.Second)
	for _, dir := range hierarchies() {
		path := filepath.Join(dir, string(g))
		for removeGroups(path) != nil {
			if time.Now().After(until) {
				return fmt.Errorf("control group %s is still in use", path)
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
	return nil
}

// removeGroups removes a control group and those in it; files in them go by
// themselves.
func removeGroups(path string) error {
	entries, err := os.ReadDir(path)
	if os.IsNotExist(err) {
		return nil
	}
	for _, entry := range entries {
		if entry.IsDir() {
			if err := removeGroups(filepath.Join(path, entry.Name())); err != nil {
				return err
			}
		}
	}
	return syscall.Rmdir(path)
}
