package memif

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// farewell bounds the DISCONNECT message to a peer that doesn't read.
const farewell = 100 * time.Millisecond

var errDisconnected = errors.New("disconnect received")

// control is one connection of the control channel.
type control struct{ conn *net.UnixConn }

// message is what a peer sent. Its descriptor is the receiver's to close.
type message struct {
	kind messageType
	body []byte
	fd   int
}

func (c control) send(t messageType, body any) error { return c.sendFD(t, body, -1) }

func (c control) sendFD(t messageType, body any, fd int) error {
	var rights []byte
	if fd >= 0 {
		rights = unix.UnixRights(fd)
	}
	_, _, err := c.conn.WriteMsgUnix(encode(t, body), rights, nil)
	return err
}

// recv waits for one message. VPP takes a message of another size for a broken
// connection (clib's default_socket_recvmsg), and so does this.
func (c control) recv() (message, error) {
	buf := make([]byte, messageSize)
	oob := make([]byte, unix.CmsgSpace(4*4)+unix.CmsgSpace(unix.SizeofUcred))
	n, oobn, _, _, err := c.conn.ReadMsgUnix(buf, oob)
	fd := firstFD(oob[:oobn])
	switch {
	case err != nil:
	case n == 0:
		err = io.EOF
	case n != messageSize:
		err = fmt.Errorf("malformed message of %d bytes", n)
	default:
		return message{messageType(binary.LittleEndian.Uint16(buf)), buf[2:], fd}, nil
	}
	closeFD(fd)
	return message{}, err
}

// expect receives a message of one type, without a descriptor.
func (c control) expect(t messageType) (message, error) {
	m, err := c.recv()
	if err != nil {
		return m, err
	}
	closeFD(m.fd)
	if m.kind == typeDisconnect {
		return m, disconnected(m)
	}
	if m.kind != t {
		return m, fmt.Errorf("unexpected message %d instead of %d", m.kind, t)
	}
	return m, nil
}

// request sends a message and waits for its ACK.
func (c control) request(t messageType, body any, fd int) error {
	if err := c.sendFD(t, body, fd); err != nil {
		return err
	}
	_, err := c.expect(typeAck)
	return err
}

// refuse tells the peer why, as far as it listens.
func (c control) refuse(reason string) {
	body := disconnectBody{}
	fill(body.Reason[:], reason)
	_ = c.conn.SetWriteDeadline(time.Now().Add(farewell))
	_ = c.send(typeDisconnect, body)
}

// remoteReason is an orderly DISCONNECT by the peer.
type remoteReason string

func (r remoteReason) Error() string { return errDisconnected.Error() + ": " + string(r) }
func (remoteReason) Unwrap() error   { return errDisconnected }

func disconnected(m message) error {
	body, err := decodeBody[disconnectBody](m)
	if err != nil {
		return err
	}
	return remoteReason(text(body.Reason[:]))
}

// firstFD takes the first descriptor out of the control data and closes all
// others: a peer may send more than anybody asked for.
func firstFD(oob []byte) int {
	first := -1
	cmsgs, _ := unix.ParseSocketControlMessage(oob)
	for i := range cmsgs {
		fds, _ := unix.ParseUnixRights(&cmsgs[i])
		for _, fd := range fds {
			if first < 0 {
				first = fd
				continue
			}
			closeFD(fd)
		}
	}
	return first
}

func closeFD(fd int) {
	if fd >= 0 {
		_ = unix.Close(fd)
	}
}
