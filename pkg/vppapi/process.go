package vppapi

import (
	"errors"
	"fmt"
	"net"

	"golang.org/x/sys/unix"
)

// Process is a process as it was when it began to listen.
type Process struct {
	// PID is its number here; 0: it is in a PID namespace that can't be seen.
	PID int
	// UID is its user.
	UID int
}

// Process is the process that listens on the API socket.
func (c *Conn) Process() (Process, error) {
	socket, ok := c.socket.(*net.UnixConn)
	if !ok {
		return Process{}, fmt.Errorf("a %T has no process at its end", c.socket)
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return Process{}, err
	}
	var peer *unix.Ucred
	var refused error
	err = raw.Control(func(fd uintptr) { peer, refused = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) })
	if err := errors.Join(err, refused); err != nil {
		return Process{}, fmt.Errorf("credentials of VPP's process: %w", err)
	}
	return Process{int(peer.Pid), int(peer.Uid)}, nil
}
