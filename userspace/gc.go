package userspace

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/containernetworking/cni/pkg/types"

	"github.com/userspace-cni/userspace-cni/pkg/contract"
	"github.com/userspace-cni/userspace-cni/pkg/netconf"
	"github.com/userspace-cni/userspace-cni/pkg/shareddir"
	"github.com/userspace-cni/userspace-cni/pkg/state"
)

// gc dismantles what the network's attachments have left that the runtime
// doesn't keep. It goes on past errors. The runtime makes no ADD or DEL
// meanwhile (CNI 1.1, section "GC"), so that no attachment is missing from its
// list for being new.
func (c *call) gc(ctx context.Context) error {
	valid, err := c.validKeys()
	if err != nil {
		return err
	}
	records, failed := c.Store.List()
	recorded := recordedKeys(records, failed)
	for _, record := range records {
		if record.Network == c.conf.Name && !valid[record.Key()] {
			failed = append(failed, c.collect(ctx, record))
		}
	}
	for _, lost := range c.unrecorded() {
		if lost.Network == c.conf.Name && !valid[lost.Key()] && !recorded[lost.Key()] {
			failed = append(failed, c.collect(ctx, &state.Record{Attachment: lost}))
		}
	}
	failed = append(failed, c.sweepDrafts(ctx))
	c.reportOrphans(ctx, valid)
	if c.conf.IPAM.Type != "" {
		failed = append(failed, c.IPAM.GC(ctx, c.conf.IPAM.Type, c.args.StdinData))
	}
	return errors.Join(failed...)
}

// validKeys are the keys of the attachments that the runtime keeps. Without a
// list nothing is known, and not that none is kept; null is the library's empty
// list.
func (c *call) validKeys() (map[string]bool, error) {
	const field = "cni.dev/valid-attachments"
	var conf map[string]json.RawMessage
	if err := json.Unmarshal(c.args.StdinData, &conf); err != nil {
		return nil, types.NewError(types.ErrDecodingFailure, fmt.Sprintf("network configuration: %v", err), "")
	}
	var attachments []types.GCAttachment
	raw, ok := conf[field]
	if !ok {
		return nil, netconf.Errors{{Field: field, Problem: "missing", Allowed: "a list of {containerID, ifname}"}}
	}
	if err := json.Unmarshal(raw, &attachments); err != nil {
		return nil, netconf.Errors{{Field: field, Value: string(raw), Problem: err.Error(), Allowed: "a list of {containerID, ifname}"}}
	}
	keys := map[string]bool{}
	for _, a := range attachments {
		keys[state.Attachment{Network: c.conf.Name, ContainerID: a.ContainerID, IfName: a.IfName}.Key()] = true
	}
	return keys, nil
}

// recordedKeys are those of all records, the damaged ones too.
func recordedKeys(records []*state.Record, failed []error) map[string]bool {
	keys := map[string]bool{}
	for _, r := range records {
		keys[r.Key()] = true
	}
	for _, err := range failed {
		if damaged := new(state.DamagedError); errors.As(err, &damaged) {
			keys[damaged.Key] = true
		}
	}
	return keys
}

// collect is a DEL, with no more time than a DEL has.
func (c *call) collect(ctx context.Context, record *state.Record) error {
	ctx, cancel := context.WithTimeout(ctx, c.Node.DelTimeout)
	defer cancel()
	other := c.of(record)
	other.log.Info("collecting an attachment that nobody keeps")
	if err := other.locked(ctx, (*call).del); err != nil {
		return fmt.Errorf("attachment %s of container %s to network %s: %w", record.IfName, record.ContainerID, record.Network, err)
	}
	return nil
}

// unrecorded are the attachments whose contract files are in directories of the
// network: they say what no tag on the vswitch says, whose they are. Only a file
// whose name and place are what ADD would have chosen counts.
func (c *call) unrecorded() []state.Attachment {
	base := cmp.Or(c.conf.SharedDir, shareddir.DefaultBase)
	dirs, err := os.ReadDir(base)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		c.log.Warn("can't look for shared directories", "err", err)
	}
	var all []state.Attachment
	for _, dir := range dirs {
		if !dir.IsDir() {
			continue
		}
		entries, _ := contract.ReadDir(filepath.Join(base, dir.Name())) // what isn't an entry isn't ours
		for _, entry := range entries {
			a := state.Attachment{Network: entry.Name, ContainerID: entry.ContainerID, IfName: entry.IfName}
			if _, err := os.Lstat(filepath.Join(base, dir.Name(), contract.FileName(a))); err == nil && a.ContainerID == dir.Name() {
				all = append(all, a)
			}
		}
	}
	return all
}

// reportOrphans logs the endpoints that bear our tag and of which nothing says
// whose they are. A tag has but the hash of network, container and interface:
// such an endpoint may be that of another network's living pod whose record was
// lost. So it is for a person to decide (`userspace gc`), not for a runtime's GC
// of one network.
func (c *call) reportOrphans(ctx context.Context, valid map[string]bool) {
	engine, err := c.engine(netconf.EngineVPP, c.conf.VPPAPISocket)
	if err != nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, c.Node.DelTimeout)
	defer cancel()
	there, err := engine.List(ctx, tagPrefix, false)
	if err != nil {
		c.log.Info("can't look for endpoints without a record", "err", err)
		return
	}
	records, failed := c.Store.List()
	recorded := recordedKeys(records, failed)
	for _, endpoint := range there {
		key := strings.TrimPrefix(endpoint.Tag, tagPrefix)
		if !recorded[key] && !valid[key] && state.IsKey(key) {
			c.log.Warn("an endpoint of ours has no record; `userspace gc` removes it", "interface", endpoint.Interface, "tag", endpoint.Tag)
		}
	}
}
