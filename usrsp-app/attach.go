package usrspapp

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"syscall"
	"time"
)

// The session layer's socket API, app_sapi_msg_t in
// src/vnet/session/application_interface.h, the same from 23.06 to 26.06: a byte
// with the type, and the packed message of it, in the machine's byte order.
const (
	sapiSize        = 1 + 64 + 8*18 // the largest, attach, is what every message is padded to
	sapiAttach      = 1
	sapiAttachReply = 2
	sapiReplySize   = 1 + 4 + 4 + 8 + 8 + 8 + 4 + 1 + 1 + 1

	optionFlags     = 0
	optionQueue     = 1
	optionSegment   = 2
	optionRxFifo    = 6
	optionTxFifo    = 7
	flagAcceptRedir = 1 << 0
	flagLocalScope  = 1 << 4
)

// attachName is what VPP's "show app" says while a check goes on.
const attachName = "usrsp-app-health"

// attachMessage is what VCL sends first (vcl_api_send_attach in
// src/vcl/vcl_sapi.c), with the least memory: it will have no sessions.
func attachMessage() []byte {
	message := make([]byte, sapiSize)
	message[0] = sapiAttach
	copy(message[1:], attachName)
	for option, value := range map[int]uint64{
		optionFlags:   flagAcceptRedir | flagLocalScope,
		optionQueue:   64,
		optionSegment: 1 << 20,
		optionRxFifo:  4096,
		optionTxFifo:  4096,
	} {
		binary.NativeEndian.PutUint64(message[1+64+8*option:], value)
	}
	return message
}

// attach has VPP take us as an application, and leaves: closing the connection
// detaches. The socket is as net has it, abstract with a leading '@'. Descriptors
// that come with the answer never reach us: the kernel closes what nobody makes
// room for (recvmsg(2), MSG_CTRUNC).
func attach(ctx context.Context, socket string) error {
	conn, err := dialSession(ctx, socket)
	if err != nil {
		return err
	}
	defer conn.Close()
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			return err
		}
	}
	if _, err := conn.Write(attachMessage()); err != nil {
		return err
	}
	reply := make([]byte, sapiSize)
	n, err := conn.Read(reply)
	if err != nil {
		return err
	}
	return attached(reply[:n])
}

// dialSession tries again while VPP's short queue of connections is full, which
// for this kind of socket is an error at once.
func dialSession(ctx context.Context, socket string) (net.Conn, error) {
	for {
		conn, err := (&net.Dialer{}).DialContext(ctx, "unixpacket", socket)
		if !errors.Is(err, syscall.EAGAIN) {
			return conn, err
		}
		if !pause(ctx, pollInterval) {
			return nil, os.ErrDeadlineExceeded
		}
	}
}

// attached tells whether VPP's answer is a yes.
func attached(reply []byte) error {
	if len(reply) < sapiReplySize || reply[0] != sapiAttachReply {
		return fmt.Errorf("what answers is not VPP's session layer")
	}
	if code := int32(binary.NativeEndian.Uint32(reply[1:])); code != 0 {
		return fmt.Errorf("VPP refuses applications with error %d (session_error_t in src/vnet/session/session_types.h)", code)
	}
	return nil
}

// explain is an error of attach's for people.
func explain(err error, within time.Duration) string {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded):
		return fmt.Sprintf("nothing within %s (does the host's VPP hang?)", within)
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused (was the host's VPP restarted?)"
	case errors.Is(err, fs.ErrNotExist):
		return "there is no such socket (was the host's VPP restarted?)"
	case errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE):
		return "the connection was closed (has the host's VPP just died?)"
	case errors.Is(err, fs.ErrPermission):
		return "permission denied (see the network's vcl.socketOwner, socketGroup and socketMode)"
	}
	return err.Error()
}
