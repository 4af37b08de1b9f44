package usrspapp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/userspace-cni/userspace-cni/pkg/contract"
)

// DPDKOptions say what a DPDK application is told.
type DPDKOptions struct {
	// Queues is how many each interface gets; 0: what the contract says, or one.
	Queues int
	// JSON is for programs, and says more than EAL has arguments for.
	JSON bool
}

// DPDK is what a DPDK application is told about the pod's interfaces.
type DPDK struct {
	// Arguments are all of EAL's, in the order of the pod's networks.
	Arguments  []string `json:"arguments"`
	Interfaces []Device `json:"interfaces"`
}

// DPDKArgs waits for the contract and writes the arguments of EAL for every
// interface of the pod: words for a command line, or JSON. Of a contract that
// can't be understood as a whole it writes nothing: the ports would have other
// numbers. On the way it makes sockets reachable (see reach).
func (a *App) DPDKArgs(ctx context.Context, out io.Writer, options DPDKOptions) error {
	if options.Queues < 0 || options.Queues > maxQueues {
		return fmt.Errorf("--queues %d is not allowed; allowed: 1 to %d, or 0 for what the contract says", options.Queues, maxQueues)
	}
	entries, err := a.contract(ctx)
	if err != nil {
		return err
	}
	all, err := a.dpdk(entries, options.Queues)
	if err != nil {
		return err
	}
	if options.JSON {
		encoder := json.NewEncoder(out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(all)
	}
	_, err = fmt.Fprintln(out, strings.Join(all.Arguments, " "))
	return err
}

// contract waits for the contract and reads all of it.
func (a *App) contract(ctx context.Context) ([]contract.Entry, error) {
	c := newCompanion(a)
	ctx, cancel := a.bounded(ctx)
	defer cancel()
	if err := c.waitForContract(ctx); err != nil {
		return nil, err
	}
	err := c.read()
	return c.entries, err
}

// dpdk describes all entries, or says what is wrong with each. Those of VCL are no
// ports.
func (a *App) dpdk(entries []contract.Entry, queues int) (DPDK, error) {
	entries = slices.DeleteFunc(slices.Clone(entries), isVCL)
	all := DPDK{Arguments: []string{}, Interfaces: []Device{}}
	var failed []error
	for port, entry := range entries {
		device, err := a.device(entry, port, queues)
		if err != nil {
			failed = append(failed, fmt.Errorf("network %s, interface %s: %w", entry.Name, entry.IfName, err))
			continue
		}
		all.Interfaces = append(all.Interfaces, device)
		all.Arguments = append(all.Arguments, device.Argument)
	}
	if slices.ContainsFunc(entries, isVhost) {
		all.Arguments = append(all.Arguments, singleFile)
	}
	return all, errors.Join(failed...)
}

// singleFile makes EAL keep its memory in one file. vhost-user hands over at most
// eight (VHOST_MEMORY_MAX_NREGIONS in drivers/net/virtio/virtio_user/vhost_user.c),
// and otherwise each hugepage would be one.
const singleFile = "--single-file-segments"

func (a *App) device(entry contract.Entry, port, queues int) (Device, error) {
	socket, err := a.reach(entry.Config)
	if err != nil {
		return Device{}, err
	}
	return newDevice(entry, port, socket, queues)
}
