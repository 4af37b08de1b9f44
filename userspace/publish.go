package userspace

import (
	"context"
	"encoding/json"
	"fmt"

	current "github.com/containernetworking/cni/pkg/types/100"

	"github.com/userspace-cni/userspace-cni/pkg/contract"
	"github.com/userspace-cni/userspace-cni/pkg/netconf"
	"github.com/userspace-cni/userspace-cni/pkg/shareddir"
	"github.com/userspace-cni/userspace-cni/pkg/state"
)

// contractMode is that of a contract file without a secret.
const contractMode = 0o644

// secretMode are the permissions of a contract file with a secret, as far as
// the socket's owner and group may use the socket at all.
const secretMode = 0o440

// publish tells the pod, by the file in the shared directory, and by its
// annotations where the API server is known.
func (c *call) publish(ctx context.Context, record *state.Record, result *current.Result) error {
	ips, err := contract.NewIPResult(result)
	if err != nil {
		return err
	}
	side := c.conf.Container.WithSocket(c.socketNameOf(record))
	if side, err = c.withHost(ctx, record, side, result); err != nil {
		return err
	}
	side.MAC = c.podMAC()
	entry := contract.Entry{
		ContractVersion: contract.Version,
		ContainerID:     c.args.ContainerID,
		IfName:          c.args.IfName,
		Name:            c.conf.Name,
		Created:         record.Created,
		Config:          side,
		Routed:          c.conf.Host.NetType == netconf.NetTypeInterface,
		IPResult:        ips,
	}
	data, err := json.Marshal(entry)
	if err != nil {
		return fmt.Errorf("contract: %w", err)
	}
	access := shareddir.Access{Mode: contractMode}
	if side.Socket().Secret {
		access = record.Access
		access.Mode &= secretMode
	}
	if err := dirOf(record).WriteFile(contract.FileName(c.attachment), data, access); err != nil {
		return err
	}
	return c.announce(ctx, entry)
}

// withHost adds what only a pod needs to know that is a host of the vswitch's own.
func (c *call) withHost(ctx context.Context, record *state.Record, side netconf.Side, result *current.Result) (netconf.Side, error) {
	if side.VCL == nil {
		return side, nil
	}
	engine, err := c.engine(record.Engine, record.Socket)
	if err != nil {
		return side, err
	}
	release, err := engine.Release(ctx)
	addresses, _ := addressesOf(result)
	return side.WithHost(addresses, release), err
}
