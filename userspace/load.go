package userspace

import (
	"encoding/json"
	"fmt"
	"path/filepath"

	current "github.com/containernetworking/cni/pkg/types/100"

	"github.com/userspace-cni/userspace-cni/pkg/contract"
	"github.com/userspace-cni/userspace-cni/pkg/state"
)

// load reads the attachment's record. One whose content only the engine, or CNI,
// can judge, and that makes no sense to them, is as damaged as one that can't be
// read: DEL would fail on it for ever.
func (c *call) load() (*state.Record, error) {
	record, err := c.Store.Get(c.attachment)
	if err != nil {
		return nil, err
	}
	if err := c.judge(record); err != nil {
		return nil, fmt.Errorf("%w: %w", state.ErrDamaged, err)
	}
	return record, nil
}

func (c *call) judge(record *state.Record) error {
	if record.Link != "" && filepath.Dir(record.Link) != filepath.Clean(c.Links) {
		return fmt.Errorf("link %q is not in %s", record.Link, c.Links)
	}
	if !record.Volume && record.Dir != "" && filepath.Base(record.Dir) != record.ContainerID {
		return fmt.Errorf("dir %q is not the container's", record.Dir)
	}
	if record.Spec != nil {
		engine, err := c.engine(record.Engine, record.Socket)
		if err != nil {
			return err
		}
		if _, err := engine.Summarize(record.Spec); err != nil {
			return err
		}
	}
	if !record.Done {
		return nil
	}
	var result current.Result
	if err := json.Unmarshal(record.Result, &result); err != nil {
		return fmt.Errorf("result in the record: %w", err)
	}
	_, err := contract.NewIPResult(&result)
	return err
}
