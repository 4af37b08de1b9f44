package userspace

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/containernetworking/cni/pkg/invoke"
	"github.com/containernetworking/cni/pkg/types"

	"github.com/userspace-cni/userspace-cni/pkg/state"
)

// NetworkIPAM is what the verbs about a whole network ask of an IPAM plugin.
type NetworkIPAM interface {
	// Status and GC succeed for a plugin that is too old to know them.
	Status(ctx context.Context, plugin string, stdin []byte) error
	GC(ctx context.Context, plugin string, stdin []byte) error
	// For is the IPAM of an attachment that isn't the one in the environment.
	For(a state.Attachment, netns string) IPAM
}

// Status implements NetworkIPAM.
func (DelegatedIPAM) Status(ctx context.Context, plugin string, stdin []byte) error {
	return network(plugin, invoke.DelegateStatus(ctx, plugin, stdin, newExec()))
}

// GC implements NetworkIPAM.
func (DelegatedIPAM) GC(ctx context.Context, plugin string, stdin []byte) error {
	return network(plugin, invoke.DelegateGC(ctx, plugin, stdin, newExec()))
}

// network drops what a plugin answers to a command that it doesn't know: skel
// before CNI 1.1 has "unknown CNI_COMMAND" with code 4, later "plugin version
// does not allow" it with code 1.
func network(plugin string, err error) error {
	unknown := []uint{types.ErrInvalidEnvironmentVariables, types.ErrIncompatibleCNIVersion}
	if answer := new(types.Error); err == nil || errors.As(err, &answer) && slices.Contains(unknown, answer.Code) {
		return nil
	}
	return fmt.Errorf("IPAM plugin %s: %w", plugin, err)
}

// For implements NetworkIPAM.
func (d DelegatedIPAM) For(a state.Attachment, netns string) IPAM {
	return attachedIPAM{DelegatedIPAM: d, attachment: a, netns: netns}
}

// attachedIPAM calls the plugin about an attachment of its own. It releases
// only: nothing else is asked for in another's name.
type attachedIPAM struct {
	DelegatedIPAM
	attachment state.Attachment
	netns      string
}

var _ IPAM = attachedIPAM{}

// Del implements IPAM.
func (i attachedIPAM) Del(ctx context.Context, plugin string, stdin []byte) error {
	paths := os.Getenv("CNI_PATH")
	path, err := invoke.FindInPath(plugin, filepath.SplitList(paths))
	if err == nil {
		err = invoke.ExecPluginWithoutResult(ctx, path, stdin, &invoke.Args{
			Command: "DEL", ContainerID: i.attachment.ContainerID, NetNS: i.netns, IfName: i.attachment.IfName, Path: paths,
		}, newExec())
	}
	if err != nil {
		return fmt.Errorf("IPAM plugin %s: %w", plugin, err)
	}
	return nil
}
