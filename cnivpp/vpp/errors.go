package vpp

import (
	"errors"
	"fmt"
)

var (
	// ErrIDTaken means that an identifier of our choosing stands for somebody
	// else's object on this VPP: choose another one and try again.
	ErrIDTaken = errors.New("the identifier is taken")

	// ErrDomainTaken and ErrLoopbackTaken tell which: without one of them it is
	// the endpoint's own number.
	ErrDomainTaken   = fmt.Errorf("bridge domain: %w", ErrIDTaken)
	ErrLoopbackTaken = fmt.Errorf("loopback: %w", ErrIDTaken)

	// ErrOccupied means that somebody has the socket that the endpoint is to have.
	ErrOccupied = errors.New("the socket is taken")

	// ErrExists means that a step found the object which it should make: look
	// first, then plan again.
	ErrExists = errors.New("it exists already")
)
