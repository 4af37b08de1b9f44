package memif

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// Limits that VPP announces in HELLO; src/plugins/memif/private.h.
const (
	maxRings        = 256
	maxRegions      = 256
	maxLog2RingSize = 14
)

const (
	version     = 2 << 8
	messageSize = 128
	secretSize  = 24
	nameSize    = 32
)

type messageType uint16

const (
	typeAck        messageType = 1
	typeHello      messageType = 2
	typeInit       messageType = 3
	typeAddRegion  messageType = 4
	typeAddRing    messageType = 5
	typeConnect    messageType = 6
	typeConnected  messageType = 7
	typeDisconnect messageType = 8
)

// The bodies below have memif.h's packed little-endian layout: no field may
// move, and every one has a fixed size.
type (
	ackBody   struct{}
	helloBody struct {
		Name                                                      [nameSize]byte
		MinVersion, MaxVersion, MaxRegion, MaxM2SRing, MaxS2MRing uint16
		MaxLog2RingSize                                           uint8
	}
	initBody struct {
		Version uint16
		ID      uint32
		Mode    Mode
		Secret  [secretSize]byte
		Name    [nameSize]byte
	}
	addRegionBody struct {
		Index uint16
		Size  uint64
	}
	addRingBody struct {
		Flags, Index, Region uint16
		Offset               uint32
		Log2RingSize         uint8
		PrivateHdrSize       uint16
	}
	connectBody    struct{ IfName [nameSize]byte }
	disconnectBody struct {
		Code   uint32
		Reason [96]byte
	}
)

const ringFlagS2M = 1 // memif_msg_add_ring_t.flags

// encode lays a message out; all of them are 128 bytes on the wire.
func encode(t messageType, body any) []byte {
	b := binary.LittleEndian.AppendUint16(make([]byte, 0, messageSize), uint16(t))
	b, err := binary.Append(b, binary.LittleEndian, body)
	if err != nil {
		panic(err) // a body type without a fixed size: a mistake in this file
	}
	return b[:messageSize]
}

// decodeBody reads the message's body; no body is longer than a message.
func decodeBody[T any](m message) (T, error) {
	var v T
	if _, err := binary.Decode(m.body, binary.LittleEndian, &v); err != nil {
		return v, fmt.Errorf("memif message %d: %w", m.kind, err)
	}
	return v, nil
}

// text is a NUL-terminated string out of a fixed field.
func text(b []byte) string {
	head, _, _ := bytes.Cut(b, []byte{0})
	return string(head)
}

// fill copies s and always leaves a terminating NUL.
func fill(b []byte, s string) { copy(b[:len(b)-1], s) }

func named(s string) (b [nameSize]byte) {
	fill(b[:], s)
	return b
}
