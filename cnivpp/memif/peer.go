package memif

import (
	"context"
	"regexp"

	"github.com/userspace-cni/userspace-cni/cnivpp/vpp"
)

// Peer names the other end, such as "memif70001/0 of VPP 26.06-release". Only
// VPP's CLI shows what the peer said of itself when it connected.
func (e Endpoint) Peer(ctx context.Context, s *vpp.Session) (string, error) {
	text, err := s.CLI(ctx, "show memif "+e.Interface())
	if err != nil {
		return "", err
	}
	return peer(text), nil
}

func peer(text string) string {
	// Compiled here, because the plugin, which never asks, would do it at each start.
	iface := regexp.MustCompile(`(?m)^\s*remote-interface "([^"]*)"`).FindStringSubmatch(text)
	name := regexp.MustCompile(`(?m)^\s*remote-name "([^"]*)"`).FindStringSubmatch(text)
	switch {
	case iface == nil && name == nil:
		return ""
	case iface == nil || iface[1] == "":
		return name[1]
	case name == nil:
		return iface[1]
	}
	return iface[1] + " of " + name[1]
}
