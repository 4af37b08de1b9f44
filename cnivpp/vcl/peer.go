package vcl

import (
	"context"
	"fmt"

	"github.com/userspace-cni/userspace-cni/cnivpp/vpp"
)

// Peer says how many applications are attached.
func (e Endpoint) Peer(ctx context.Context, s *vpp.Session) (string, error) {
	seen, err := e.namespace().Observe(ctx, s, nil, vpp.Existence)
	if err != nil {
		return "", err
	}
	namespace := seen.(NamespaceState).Seen
	if namespace == nil {
		return "", nil
	}
	all, err := s.Applications(ctx)
	switch n := all[namespace.ID]; {
	case err != nil || n == 0:
		return "", err
	case n == 1:
		return "1 application", nil
	default:
		return fmt.Sprintf("%d applications", n), nil
	}
}
