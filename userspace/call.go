package userspace

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"github.com/containernetworking/cni/pkg/skel"
	"github.com/containernetworking/cni/pkg/types"
	current "github.com/containernetworking/cni/pkg/types/100"

	"github.com/userspace-cni/userspace-cni/pkg/contract"
	"github.com/userspace-cni/userspace-cni/pkg/kube"
	"github.com/userspace-cni/userspace-cni/pkg/logging"
	"github.com/userspace-cni/userspace-cni/pkg/netconf"
	"github.com/userspace-cni/userspace-cni/pkg/shareddir"
	"github.com/userspace-cni/userspace-cni/pkg/state"
	"github.com/userspace-cni/userspace-cni/pkg/vpppath"
)

// call is one CNI call about one attachment.
type call struct {
	*Plugin
	args *skel.CmdArgs
	// conf is the whole configuration; or, where invalid says what is wrong with
	// it, what DEL can do with.
	conf       *netconf.NetConf
	cniArgs    netconf.Args
	invalid    error
	attachment state.Attachment
	// pod is the API server's, kube the way to it, and volume the directory that
	// the pod shares by a volume of its own; nil where there are none.
	pod    *kube.Pod
	kube   *kube.Client
	volume *shareddir.Dir
	// result is IPAM's, once there is one.
	result *current.Result
	// anyPod tells that what the pod asks for isn't known, or doesn't matter.
	anyPod bool
	// repairing tells that ADD makes the endpoint of a living pod again.
	repairing bool
	log       *slog.Logger
	closeLog  func()
}

func (p *Plugin) newCall(args *skel.CmdArgs, anyPod bool) (*call, error) {
	c := &call{Plugin: p, args: args, anyPod: anyPod}
	if err := c.read(); err != nil {
		return nil, err
	}
	c.attachment = state.Attachment{Network: c.conf.Name, ContainerID: args.ContainerID, IfName: args.IfName}
	log, closeLog := logging.New(p.Stderr, c.conf.LogFile, c.conf.LogLevel)
	c.log = log.With("command", os.Getenv("CNI_COMMAND"), "network", c.conf.Name, "container", args.ContainerID, "ifname", args.IfName)
	c.closeLog = closeLog
	return c, nil
}

// read takes the configuration, which no verb needs twice.
func (c *call) read() error {
	if c.invalid = c.parse(); c.invalid != nil {
		var err error
		if c.conf, err = netconf.ParseForDelete(c.args.StdinData); err != nil {
			return err
		}
	}
	c.conf.ApplyNode(c.Node)
	return nil
}

// parse validates the whole configuration.
func (c *call) parse() (err error) {
	if c.cniArgs, err = netconf.ParseArgs(c.args.Args); err != nil {
		return err
	}
	c.cniArgs.AnyPod = c.anyPod
	c.conf, err = netconf.ParseFor(c.args.StdinData, c.cniArgs)
	return err
}

// valid is for the verbs that need the whole configuration.
func (c *call) valid() error {
	if c.invalid != nil {
		return c.invalid
	}
	for _, warning := range append(c.cniArgs.Warnings, c.conf.Warnings...) {
		c.log.Warn(warning)
	}
	return nil
}

// locked runs a verb under the attachment's lock.
func (c *call) locked(ctx context.Context, do func(*call, context.Context) error) error {
	unlock, err := c.Locks.Lock(ctx, "attachment/"+c.attachment.Key())
	if err != nil {
		return err
	}
	defer unlock()
	return do(c, ctx)
}

// permit refuses what the node settings don't grant to the pod's namespace, and
// everything when they can't be read. That is a wrong configuration whatever is
// wrong with the file: its content, or whose it is.
func (c *call) permit() error {
	if c.NodeErr != nil {
		return types.NewError(types.ErrInvalidNetworkConfig, c.NodeErr.Error(), "")
	}
	return c.conf.CheckGrants(c.Node, c.cniArgs.PodNamespace)
}

func (c *call) engine(name, socket string) (Engine, error) {
	make, ok := engines[name]
	if !ok {
		return nil, fmt.Errorf("there is no engine %q", name)
	}
	return make(socket, c.Shared, c.log), nil
}

func (c *call) tag() string { return tagPrefix + c.attachment.Key() }

// newRecord is the record of the attachment as the configuration describes it,
// without a number and so without a spec.
func (c *call) newRecord() *state.Record {
	hash := sha256.Sum256(append([]byte(c.args.Args+"\x00"), c.args.StdinData...))
	dir := c.dir()
	return &state.Record{
		Attachment: c.attachment,
		Netns:      c.args.Netns,
		Created:    c.Now().UTC(),
		Config:     hex.EncodeToString(hash[:]),
		Engine:     c.conf.Host.Engine,
		Socket:     c.conf.VPPAPISocket,
		Dir:        dir.Path,
		Link:       dir.Link,
		Volume:     dir.Volume,
		Pod:        c.podRecord(),
		Files:      []string{contract.FileName(c.attachment)},
		Listening:  c.listening(),
		DeviceInfo: c.deviceInfo(),
		PodListens: c.podListens(),
		IPAM:       c.conf.IPAM.Type,
		NetConf:    c.args.StdinData,
	}
}

func (c *call) dir() shareddir.Dir {
	if c.volume != nil {
		return *c.volume
	}
	base := c.conf.SharedDir
	if base == "" {
		base = shareddir.DefaultBase
	}
	return shareddir.At(filepath.Join(base, c.args.ContainerID), c.Links, c.socketName())
}

func dirOf(r *state.Record) shareddir.Dir {
	return shareddir.Dir{Path: r.Dir, Link: r.Link, Volume: r.Volume}
}

// socketNameOf is the socket's name with what was chosen for the record.
func (c *call) socketNameOf(r *state.Record) string { return cmp.Or(r.SocketName, c.socketName()) }

// socketName is the socket's file name, or its abstract name: the configured one, or
// one that no other network has in the same directory.
func (c *call) socketName() string {
	socket := c.conf.Host.Socket()
	if socket.Name != "" || socket.Preferred != "" {
		return cmp.Or(socket.Name, socket.Preferred)
	}
	return fmt.Sprintf("usrsp-%s-%s.sock", fitAll(c.args.IfName), c.attachment.Key()[:8])
}

func fitAll(name string) string { return strings.Map(fit, name) }

// fit replaces what an interface's name may have, but not the name of a socket
// that VPP shall open.
func fit(c rune) rune {
	if vpppath.Ends(c) || c == '/' {
		return '_'
	}
	return c
}

// describe completes a record for the number that was reserved for it.
func (c *call) describe(r *state.Record, engine Engine) func(uint32) error {
	return func(number uint32) error {
		wanted := Wanted{
			Side:     c.conf.Host,
			Identity: Identity{Tag: c.tag(), Number: number, Socket: c.socket(r), MAC: macFor(c.attachment, "host")},
			Numbers:  map[string]uint32{},
		}
		if c.result != nil {
			wanted.Addresses, wanted.Gateways = addressesOf(c.result)
		}
		for _, shared := range engine.Shared(wanted) {
			n, err := c.Names.Number(shared.Kind, shared.Name, shared.Start, shared.Last)
			if err != nil {
				return err
			}
			wanted.Numbers[shared.Kind] = n
		}
		r.Shared = wanted.Numbers
		var err error
		r.Spec, err = engine.Describe(wanted)
		return err
	}
}

// socket is where the endpoint meets its peer, in the vswitch's notation.
func (c *call) socket(r *state.Record) string {
	if c.conf.Host.Socket().Abstract {
		return "abstract:" + c.socketNameOf(r) + ",netns_name=" + c.args.Netns
	}
	return dirOf(r).Socket(c.socketName())
}

// podListens tells whether the pod makes the socket, as a file.
func (c *call) podListens() bool {
	socket := c.conf.Host.Socket()
	return !socket.Listens && !socket.Abstract
}

// addressesOf takes the addresses and their gateways out of a result.
func addressesOf(result *current.Result) (addresses, gateways []netip.Addr) {
	for _, ip := range result.IPs {
		if address, ok := netip.AddrFromSlice(ip.Address.IP); ok {
			addresses = append(addresses, address.Unmap())
		}
		if gateway, ok := netip.AddrFromSlice(ip.Gateway); ok {
			gateways = append(gateways, gateway.Unmap())
		}
	}
	return addresses, gateways
}

// podMAC is the address of the pod's end.
func (c *call) podMAC() string {
	if c.conf.Container.MAC != "" {
		return c.conf.Container.MAC
	}
	return macFor(c.attachment, "pod")
}

// macFor is a locally administered address that stays the same for one end of
// an attachment, so that a repair changes nobody's neighbour table.
func macFor(a state.Attachment, end string) string {
	hash := sha256.Sum256([]byte(end + " of " + a.Key()))
	return fmt.Sprintf("02:fe:%02x:%02x:%02x:%02x", hash[0], hash[1], hash[2], hash[3])
}
