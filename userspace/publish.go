package userspace

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"

	current "github.com/containernetworking/cni/pkg/types/100"

	"github.com/userspace-cni/userspace-cni/pkg/contract"
	"github.com/userspace-cni/userspace-cni/pkg/netconf"
	"github.com/userspace-cni/userspace-cni/pkg/state"
)

// Modes of the contract file. One with a secret is for root alone: the directory
// is open to every user of the host.
const (
	contractMode       = 0o644
	contractModeSecret = 0o600
)

// publish tells the pod, by the file in the shared directory, and by its
// annotations where the API server is known.
func (c *call) publish(ctx context.Context, record *state.Record, result *current.Result) error {
	ips, err := contract.NewIPResult(result)
	if err != nil {
		return err
	}
	side := c.conf.Container
	side.MAC = c.podMAC()
	if side.Memif != nil {
		memif := *side.Memif
		memif.SocketFile = c.socketName()
		side.Memif = &memif
	}
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
	mode := fs.FileMode(contractMode)
	if side.Memif != nil && side.Memif.Secret != "" {
		mode = contractModeSecret
	}
	if err := dirOf(record).WriteFile(contract.FileName(c.attachment), data, mode); err != nil {
		return err
	}
	return c.announce(ctx, entry)
}
