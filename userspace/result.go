package userspace

import (
	"cmp"
	"encoding/json"
	"fmt"
	"path/filepath"

	current "github.com/containernetworking/cni/pkg/types/100"

	"github.com/userspace-cni/userspace-cni/pkg/state"
)

// complete adds to IPAM's answer what the plugin itself contributes, and puts it
// into the record.
func (c *call) complete(record *state.Record, result *current.Result) error {
	result.CNIVersion = current.ImplementedSpecVersion
	result.Interfaces = []*current.Interface{{
		Name:       c.args.IfName,
		Mac:        c.podMAC(),
		Mtu:        cmp.Or(c.conf.Container.MTU, c.conf.Host.MTU),
		Sandbox:    c.args.Netns,
		SocketPath: c.socketPath(record),
	}}
	for _, ip := range result.IPs {
		ip.Interface = current.Int(0)
	}
	if !c.conf.DNS.IsEmpty() {
		result.DNS = c.conf.DNS
	}
	var err error
	if record.Result, err = json.Marshal(result); err != nil {
		return fmt.Errorf("result: %w", err)
	}
	c.result = result
	return nil
}

// socketPath is the socket's file; an abstract socket has none.
func (c *call) socketPath(record *state.Record) string {
	if c.conf.Host.Socket().Abstract {
		return ""
	}
	return filepath.Join(record.Dir, c.socketName())
}

// print writes the result to stdout, in the configuration's version.
func (c *call) print(result *current.Result) error {
	versioned, err := result.GetAsVersion(c.conf.CNIVersion)
	if err != nil {
		return fmt.Errorf("result in cniVersion %s: %w", c.conf.CNIVersion, err)
	}
	return versioned.PrintTo(c.Stdout)
}
