package vhostuser

import (
	"context"
	"fmt"

	"github.com/userspace-cni/userspace-cni/cnivpp/vpp"
)

// Peer says whether a driver has connected: it has shared its memory then.
func (e Endpoint) Peer(ctx context.Context, s *vpp.Session) (string, error) {
	index, err := s.Index(ctx, e.Interface())
	if err != nil {
		return "", err
	}
	seen, err := details(ctx, s, index)
	if err != nil || seen == nil || seen.NumRegions == 0 {
		return "", err
	}
	return fmt.Sprintf("a virtio driver with %d memory regions", seen.NumRegions), nil
}
