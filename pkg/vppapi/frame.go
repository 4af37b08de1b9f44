package vppapi

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"go.fd.io/govpp/api"
	"go.fd.io/govpp/codec"
)

// Every message on the socket is preceded by a header of 16 bytes, of which
// only the length is used (src/vlibmemory/socket_api.c, msgbuf_t).
const (
	frameHeader  = 16
	lengthOffset = 8

	// maxFrame bounds what is allocated for one message. The largest that VPP
	// sends is its message table, about 250 KiB.
	maxFrame = 16 << 20
)

// Offsets in a message: id, then (requests only) the client index, then the
// context that ties a reply to its request.
const (
	clientIndexOffset    = 2
	requestContextOffset = 6
	replyContextOffset   = 2
	replyHeader          = 6
	requestHeader        = 10
)

// encode returns the frame of a request, ready to be written in one piece.
func encode(msg api.Message, id uint16, client, context uint32) ([]byte, error) {
	body, err := codec.EncodeMsg(msg, id)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", msg.GetMessageName(), err)
	}
	binary.BigEndian.PutUint32(body[clientIndexOffset:], client)
	binary.BigEndian.PutUint32(body[requestContextOffset:], context)

	frame := make([]byte, frameHeader, frameHeader+len(body))
	binary.BigEndian.PutUint32(frame[lengthOffset:], uint32(len(body)))
	return append(frame, body...), nil
}

// errNoFrame means that what came can't be a message.
var errNoFrame = errors.New("not VPP's API")

// readFrame returns the next message, without its frame header.
func readFrame(r io.Reader) ([]byte, error) {
	var header [frameHeader]byte
	if _, err := io.ReadFull(r, header[:]); err != nil {
		return nil, err
	}
	length := binary.BigEndian.Uint32(header[lengthOffset:])
	if length < replyHeader || length > maxFrame {
		return nil, fmt.Errorf("%w: message of %d bytes, allowed: %d to %d", errNoFrame, length, replyHeader, maxFrame)
	}
	body := make([]byte, length)
	_, err := io.ReadFull(r, body)
	return body, err
}

// reply is a received message, not decoded yet.
type reply struct {
	id   uint16
	data []byte
}

func (r reply) context() uint32 {
	return binary.BigEndian.Uint32(r.data[replyContextOffset:])
}

func (r reply) decode(into api.Message) error {
	if err := codec.DecodeMsg(r.data, into); err != nil {
		return fmt.Errorf("decode %s: %w", into.GetMessageName(), err)
	}
	return nil
}
