package shareddir

import (
	"fmt"

	"github.com/userspace-cni/userspace-cni/pkg/internal/access"
)

// Writable fails when no shared directory could be made below base. It makes
// none.
func Writable(base string) error {
	if err := access.Writable(base); err != nil {
		return fmt.Errorf("shared directories below %s: %w", base, err)
	}
	return nil
}
