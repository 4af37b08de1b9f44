package main

import (
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// rtnetlink lets an ADD run where the first netlink socket kills the process.
// The kernel's bridge plugin shows that it does.
func (b *bench) rtnetlink() error {
	add := b.add(b.network())
	process, err := add.process(0)
	if err != nil {
		return err
	}
	if err := withoutNetlink(process); err != nil {
		return fmt.Errorf("ADD, killed at its first netlink socket: %w", err)
	}
	if err := add.undo(0); err != nil {
		return err
	}
	kernels := b.inFreshNetns("bridge", encode(object{"cniVersion": "1.1.0", "name": "kernels", "type": "bridge", "bridge": "bench0", "ipam": object{}}))
	process, err = kernels.process(0)
	if err != nil {
		return err
	}
	var exit *exec.ExitError
	if err := withoutNetlink(process); !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != unix.SIGSYS {
		return fmt.Errorf("the kernel's bridge plugin was not killed at its first netlink socket: %w", err)
	}
	row{what: "rtnetlink sockets in an ADD", detail: "none: one would have killed it, as it did the kernel's bridge"}.print()
	return kernels.undo(0)
}

// withoutNetlink runs a process that is killed when it makes a netlink socket.
func withoutNetlink(cmd *exec.Cmd) error {
	started := make(chan error, 1)
	go func() {
		// The thread has the filter for good, so it ends with the goroutine.
		runtime.LockOSThread()
		if err := forbidNetlink(); err != nil {
			started <- err
			return
		}
		started <- cmd.Start()
	}()
	if err := <-started; err != nil {
		return err
	}
	return cmd.Wait()
}

// Offsets in struct seccomp_data (linux/seccomp.h): the number of the system
// call, and the low half of its first argument.
const (
	offsetNumber = 0
	offsetDomain = 16
)

// forbidNetlink makes the calling thread, and what it starts, die of
// socket(AF_NETLINK).
func forbidNetlink() error {
	filter := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: offsetNumber},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: unix.SYS_SOCKET, Jf: 3},
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: offsetDomain},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: unix.AF_NETLINK, Jf: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_KILL_PROCESS},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
	}
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	return unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&program)), 0, 0)
}
