package userspace

import (
	"encoding/json"
	"fmt"

	current "github.com/containernetworking/cni/pkg/types/100"

	"github.com/userspace-cni/userspace-cni/pkg/contract"
	"github.com/userspace-cni/userspace-cni/pkg/state"
)

// contractMode lets the pod's user read its contract, which may hold a secret:
// the directory is the pod's.
const contractMode = 0o644

// publish tells the pod, by the file in the shared directory.
func (c *call) publish(record *state.Record, result *current.Result) error {
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
	data, err := json.Marshal(contract.Entry{
		ContractVersion: contract.Version,
		ContainerID:     c.args.ContainerID,
		IfName:          c.args.IfName,
		Name:            c.conf.Name,
		Created:         record.Created,
		Config:          side,
		IPResult:        ips,
	})
	if err != nil {
		return fmt.Errorf("contract: %w", err)
	}
	return dirOf(record).WriteFile(contract.FileName(c.attachment), data, contractMode)
}
