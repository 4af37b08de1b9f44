package netconf

import "github.com/userspace-cni/userspace-cni/pkg/internal/fields"

// ErrUnsupported marks a fault whose value is known and will work in a later
// release. Test for it with errors.Is.
var ErrUnsupported = fields.ErrUnsupported

// Error is one fault of a configuration.
type Error = fields.Error

// Errors holds every fault of a configuration, in the order in which it was
// read; it is never empty where it is returned as an error.
type Errors = fields.Errors
