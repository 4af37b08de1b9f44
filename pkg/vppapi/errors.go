package vppapi

import (
	"errors"
	"fmt"

	"go.fd.io/govpp/api"
)

var (
	// ErrNotRunning means that nobody listens on the API socket, or something
	// that never was a VPP: VPP is down, and with it everything that was ever
	// made on it.
	ErrNotRunning = errors.New("VPP is not running")

	// ErrConnectionLost means that VPP closed the connection, usually by dying,
	// while a call was under way: whether the call took effect is unknown.
	ErrConnectionLost = errors.New("VPP closed the connection")

	// ErrNoAnswer means that VPP is there but did not answer before the
	// context's deadline.
	ErrNoAnswer = errors.New("VPP does not answer")
)

// UnknownMessageError names a message that this VPP doesn't have, or has with
// another layout (CRC) than ours.
type UnknownMessageError struct {
	// Message is the message's name, as in VPP's .api files.
	Message string
	// CRC is the layout that we speak.
	CRC string
}

func (e *UnknownMessageError) Error() string {
	return fmt.Sprintf("VPP does not know message %s with CRC 0x%s", e.Message, e.CRC)
}

// Retval returns the API error code (src/vnet/error.h) that a VPP reply
// carried, and whether err stems from such a reply at all.
func Retval(err error) (api.VPPApiError, bool) {
	var code api.VPPApiError
	ok := errors.As(err, &code)
	return code, ok
}

// IsRetval tells whether err stems from a reply with one of the given codes.
func IsRetval(err error, codes ...api.VPPApiError) bool {
	got, ok := Retval(err)
	if !ok {
		return false
	}
	for _, code := range codes {
		if got == code {
			return true
		}
	}
	return false
}
