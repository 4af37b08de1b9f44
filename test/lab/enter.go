package lab

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// insideVariable marks the process that runs in the lab's namespaces.
const insideVariable = "USERSPACE_CNI_LAB"

// Inside tells whether the process runs in the lab's namespaces.
func Inside() bool { return os.Getenv(insideVariable) != "" }

// Spawn runs the program again, with its arguments, in mount and network
// namespaces of its own, and returns its exit code. An ordinary user gets a user
// namespace too, and is root in it. The new process calls Furnish first.
func Spawn(environment ...string) (int, error) {
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Args[0] = os.Args[0]
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(append(os.Environ(), insideVariable+"=1"), environment...)
	cmd.SysProcAttr = namespaces()
	if err := cmd.Start(); err != nil {
		return 1, fmt.Errorf("no namespaces of our own: %w\n"+
			"Run as root (in a container: with --privileged), or let ordinary users make user namespaces:\n"+
			"  sysctl -w user.max_user_namespaces=15000\n"+
			"  sysctl -w kernel.unprivileged_userns_clone=1              (Debian)\n"+
			"  sysctl -w kernel.apparmor_restrict_unprivileged_userns=0  (Ubuntu)", err)
	}
	forwardSignals(cmd.Process)
	err := cmd.Wait()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return max(exit.ExitCode(), 1), nil
	}
	return cmd.ProcessState.ExitCode(), err
}

// forwardSignals hands on what is meant to end the program.
func forwardSignals(process *os.Process) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		for sig := range signals {
			process.Signal(sig)
		}
	}()
}

func namespaces() *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	if os.Geteuid() != 0 {
		attr.Cloneflags |= syscall.CLONE_NEWUSER
		attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}}
		attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}}
	}
	return attr
}

// Furnish gives the namespaces an empty /run, /var/lib, /var/log and /dev/shm
// (where VPP keeps its API segments), an /etc without the machine's own node
// settings, and keeps what is mounted in them to themselves.
func Furnish() error {
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	for _, dir := range []string{"/run", "/var/lib", "/var/log", "/dev/shm"} {
		if err := syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_NOSUID|syscall.MS_NODEV, "mode=755"); err != nil {
			return fmt.Errorf("mount an empty %s: %w", dir, err)
		}
	}
	if err := furnishEtc(); err != nil {
		return fmt.Errorf("an /etc of our own: %w", err)
	}
	if err := loopbackUp(); err != nil {
		return fmt.Errorf("loopback: %w", err)
	}
	return allowFiles()
}

// settingsDir is where the plugin has the node settings.
const settingsDir = "/etc/userspace-cni"

// furnishEtc makes an /etc in which the settings of a node can be written, by an
// ordinary user too, and in which everything else is a link to the machine's.
func furnishEtc() error {
	const machines = "/run/etc"
	if err := os.Mkdir(machines, 0o755); err != nil {
		return err
	}
	if err := syscall.Mount("/etc", machines, "", syscall.MS_BIND|syscall.MS_REC, ""); err != nil {
		return err
	}
	if err := syscall.Mount("tmpfs", "/etc", "tmpfs", syscall.MS_NOSUID|syscall.MS_NODEV, "mode=755"); err != nil {
		return err
	}
	entries, err := os.ReadDir(machines)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		path, target := filepath.Join("/etc", entry.Name()), filepath.Join(machines, entry.Name())
		if path == settingsDir {
			continue
		}
		if entry.Type() == fs.ModeSymlink { // it may be relative
			if target, err = os.Readlink(target); err != nil {
				return err
			}
		}
		if err := os.Symlink(target, path); err != nil {
			return err
		}
	}
	return os.Mkdir(settingsDir, 0o755)
}

// loopbackUp makes 127.0.0.1 work in the lab's network namespace.
func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	request, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	request.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, request)
}

// wantedFiles is the number of open files that a VPP with thousands of memifs
// needs: one for each listener, six for each connection.
const wantedFiles = 65536

// allowFiles raises the limit of open files as far as it is allowed to.
func allowFiles() error {
	wanted := syscall.Rlimit{Cur: wantedFiles, Max: wantedFiles}
	if syscall.Setrlimit(syscall.RLIMIT_NOFILE, &wanted) == nil {
		return nil
	}
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("limit of open files: %w", err)
	}
	limit.Cur = limit.Max
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("limit of open files: %w", err)
	}
	return nil
}
