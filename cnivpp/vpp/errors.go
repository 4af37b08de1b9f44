package vpp

import "errors"

var (
	// ErrIDTaken means that an identifier of our choosing stands for somebody
	// else's object on this VPP: choose another one and try again.
	ErrIDTaken = errors.New("the identifier is taken")

	// ErrExists means that a step found the object which it should make: look
	// first, then plan again.
	ErrExists = errors.New("it exists already")
)
