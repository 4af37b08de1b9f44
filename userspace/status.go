package userspace

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/containernetworking/cni/pkg/types"

	"github.com/userspace-cni/userspace-cni/pkg/netconf"
	"github.com/userspace-cni/userspace-cni/pkg/shareddir"
	"github.com/userspace-cni/userspace-cni/pkg/state"
	"github.com/userspace-cni/userspace-cni/pkg/vppapi"
)

// Codes of STATUS (CNI 1.1, section "Error"; the library has names for neither
// in all versions).
const (
	// codeUnavailable: ADD can't work now.
	codeUnavailable uint = 50
	// codeDegraded: and pods that exist suffer too.
	codeDegraded uint = 51
)

// status fails when ADD can't work now, and says everything that is missing at
// once. Endpoints that a VPP lost by its restart keep no new pod away: the log
// says so.
func (c *call) status(ctx context.Context) error {
	if err := c.valid(); err != nil {
		return err
	}
	engine, err := c.engine(c.conf.Host.Engine, c.conf.VPPAPISocket)
	if err != nil {
		return err
	}
	vswitch := c.vswitchStatus(ctx, engine)
	unavailable := errors.Join(vswitch, c.NodeErr, c.placesStatus(), c.ipamStatus(ctx))
	lost := c.lost(ctx, engine, vswitch)
	switch {
	case lost != "" && unavailable != nil:
		return statusError(codeDegraded, errors.Join(errors.New(lost), unavailable))
	case unavailable != nil:
		return statusError(codeUnavailable, unavailable)
	case lost != "":
		c.log.Warn(lost)
	}
	return nil
}

func statusError(code uint, err error) error {
	text, details, _ := strings.Cut(err.Error(), "\n")
	return types.NewError(code, text, details)
}

func (c *call) placesStatus() error {
	return errors.Join(
		c.Store.Writable(),
		shareddir.Writable(c.Links),
		shareddir.Writable(cmp.Or(c.conf.SharedDir, shareddir.DefaultBase)))
}

func (c *call) ipamStatus(ctx context.Context) error {
	plugin := c.conf.IPAM.Type
	if plugin == "" {
		return nil
	}
	if err := c.IPAM.Find(plugin); err != nil {
		return err
	}
	return c.IPAM.Status(ctx, plugin, c.args.StdinData)
}

// vswitchStatus asks whether the vswitch could make an endpoint of this
// network, by a spec that nobody else uses. It gets most of the call's time, but
// not what IPAM needs.
func (c *call) vswitchStatus(ctx context.Context, engine Engine) error {
	ctx, cancel := shorter(ctx)
	defer cancel()
	wanted := c.example()
	for _, shared := range engine.Shared(wanted) {
		wanted.Numbers[shared.Kind] = shared.Start
	}
	spec, err := engine.Describe(wanted)
	if err != nil {
		return err
	}
	return engine.Status(ctx, spec)
}

// example is some endpoint of the network. Its addresses, of which only a routed
// network takes notice, are of those for documentation.
func (c *call) example() Wanted {
	nobody := state.Attachment{Network: c.conf.Name}
	wanted := Wanted{
		Side:     c.conf.Host,
		Identity: Identity{Tag: tagPrefix + nobody.Key(), Number: 1, Socket: "/nowhere", MAC: macFor(nobody, "host")},
		Numbers:  map[string]uint32{},
	}
	if c.conf.Host.NetType == netconf.NetTypeInterface && c.conf.IPAM.Type != "" {
		wanted.Addresses = []netip.Addr{netip.MustParseAddr("192.0.2.2")}
		wanted.Gateways = []netip.Addr{netip.MustParseAddr("192.0.2.1")}
	}
	return wanted
}

// lost says how many of the network's endpoints are gone; empty: none, or it
// can't be told.
func (c *call) lost(ctx context.Context, engine Engine, vswitch error) string {
	mine := map[string]bool{}
	records, _ := c.Store.List() // a damaged record keeps nobody from an ADD
	for _, r := range records {
		if r.Network == c.conf.Name && r.Socket == c.conf.VPPAPISocket && r.Done && !r.Off {
			mine[tagPrefix+r.Key()] = true
		}
	}
	if len(mine) == 0 {
		return ""
	}
	known := len(mine)
	if errors.Is(vswitch, vppapi.ErrNotRunning) {
		return fmt.Sprintf("all %d endpoints of network %s are down", known, c.conf.Name)
	}
	if errors.Is(vswitch, vppapi.ErrNoAnswer) {
		return ""
	}
	there, err := engine.List(ctx, tagPrefix, false)
	if err != nil {
		return ""
	}
	for _, endpoint := range there {
		delete(mine, endpoint.Tag)
	}
	if len(mine) == 0 {
		return ""
	}
	return fmt.Sprintf("VPP lacks %d of the %d endpoints of network %s (was it restarted? `userspace check` says which)",
		len(mine), known, c.conf.Name)
}
