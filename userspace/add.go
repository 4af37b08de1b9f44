package userspace

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"

	"github.com/containernetworking/cni/pkg/ns"
	"github.com/containernetworking/cni/pkg/types"
	current "github.com/containernetworking/cni/pkg/types/100"

	"github.com/userspace-cni/userspace-cni/pkg/contract"
	"github.com/userspace-cni/userspace-cni/pkg/netconf"
	"github.com/userspace-cni/userspace-cni/pkg/shareddir"
	"github.com/userspace-cni/userspace-cni/pkg/state"
)

// add makes the endpoint and tells the pod of it; or it fails and leaves
// nothing.
func (c *call) add(ctx context.Context) error {
	if err := c.valid(); err != nil {
		return err
	}
	if err := c.permit(); err != nil {
		return err
	}
	if err := c.checkNetns(); err != nil {
		return err
	}
	if err := c.fetchPod(ctx); err != nil {
		return err
	}
	wanted, err := c.isWanted()
	if err != nil {
		return err
	}
	var access shareddir.Access
	if wanted {
		if access, err = c.prerequisites(); err != nil {
			return err
		}
	}
	unlock, err := c.lockDir(ctx, c.dir().Path)
	if err != nil {
		return err
	}
	defer unlock()

	record := c.newRecord()
	record.Access, record.Off = access, !wanted
	result, intact, err := c.earlier(ctx, record)
	if err != nil {
		return err
	}
	if !intact && record.Off {
		result, err = c.standAside(record)
		if err != nil {
			return err
		}
	} else if !intact {
		making, cancel := c.keepingTimeToUndo(ctx)
		defer cancel()
		if result, err = c.make(making, record, result); err != nil {
			return c.undo(ctx, record, err)
		}
	}
	return c.print(result)
}

// prerequisites fails where the attachment can't be made for a reason that is known
// before anything is touched.
func (c *call) prerequisites() (shareddir.Access, error) {
	if c.conf.IPAM.Type != "" {
		if err := c.IPAM.Find(c.conf.IPAM.Type); err != nil {
			return shareddir.Access{}, err
		}
	}
	return c.access()
}

// checkNetns does before anything is touched what skel does only after ADD has
// succeeded.
func (c *call) checkNetns() error {
	if override := c.args.NetnsOverride; strings.EqualFold(override, "true") || override == "1" {
		return nil
	}
	if _, err := os.Stat(c.args.Netns); err != nil {
		return types.NewError(types.ErrInvalidNetNS, fmt.Sprintf("CNI_NETNS: %v; allowed: the path of the pod's network namespace", err), "")
	}
	own, err := ns.CheckNetNS(c.args.Netns)
	if err != nil {
		return err
	}
	if own {
		return types.NewError(types.ErrInvalidNetNS,
			fmt.Sprintf("CNI_NETNS: %q is the plugin's own network namespace; allowed: the pod's", c.args.Netns), "")
	}
	return nil
}

// lockDir keeps the calls about one shared directory apart: one may remove it
// as empty while another is about to fill it.
func (c *call) lockDir(ctx context.Context, path string) (func(), error) {
	return c.Locks.Lock(ctx, directoryLock(path))
}

func directoryLock(path string) string { return "directory/" + path }

// earlier deals with what an earlier ADD for the same attachment has left. When
// that succeeded with the same configuration and its endpoint is intact, ADD
// has nothing to do but to adjust how it works, and the result is the same as
// then. When only the endpoint suffered (VPP was restarted, say), it is removed,
// and the addresses and the network's place in the pod are kept. Anything else is
// removed.
func (c *call) earlier(ctx context.Context, record *state.Record) (result *current.Result, intact bool, err error) {
	old, err := c.load()
	switch {
	case errors.Is(err, state.ErrNotFound):
		return nil, false, nil
	case errors.Is(err, state.ErrDamaged):
		c.log.Warn("removing what a damaged record stands for", "err", err)
		return nil, false, c.dismantleUnrecorded(ctx)
	case err != nil:
		return nil, false, err
	}
	if old.Dir != record.Dir {
		unlock, err := c.lockDir(ctx, old.Dir)
		if err != nil {
			return nil, false, err
		}
		defer unlock()
	}
	if !old.Done || old.Config != record.Config || old.Netns != record.Netns || old.Off != record.Off {
		c.log.Info("removing what an earlier ADD left", "done", old.Done)
		return nil, false, c.dismantle(ctx, old)
	}
	result = new(current.Result)
	if err := json.Unmarshal(old.Result, result); err != nil {
		return nil, false, fmt.Errorf("result in the record: %w", err)
	}
	if old.Off {
		return result, true, nil
	}
	if err := writeDeviceInfo(old); err != nil { // no reason to make the endpoint again
		return nil, false, err
	}
	plan, err := c.differences(ctx, old, Engine.Adjust)
	if err == nil && plan == "" {
		return result, true, nil
	}
	c.log.Info("making the endpoint again", "plan", plan, "err", err)
	record.Created, record.SocketName, c.repairing = old.Created, old.SocketName, true
	return result, false, c.removeEndpoint(ctx, old)
}

// make does what a first ADD does. A result of an earlier ADD saves IPAM.
func (c *call) make(ctx context.Context, record *state.Record, result *current.Result) (*current.Result, error) {
	engine, err := c.engine(record.Engine, record.Socket)
	if err != nil {
		return nil, err
	}
	if err := c.chooseSocket(record); err != nil {
		return nil, err
	}
	if err := c.reserve(record, engine); err != nil {
		return nil, err
	}
	if err := c.prepareDir(record); err != nil {
		return nil, err
	}
	if result, err = c.populate(ctx, record, result, engine); err != nil {
		return nil, err
	}
	if err := c.grant(record); err != nil {
		return nil, err
	}
	if err := writeDeviceInfo(record); err != nil {
		return nil, err
	}
	if err := c.publish(ctx, record, result); err != nil {
		return nil, err
	}
	record.Done = true
	return result, c.Store.Put(record)
}

// populate has IPAM and the vswitch do their part. What is made on a routed
// network depends on the addresses, which are in the record before it is made.
// Elsewhere nothing does, and both are at work at the same time: an IPAM plugin
// takes as long as all the rest of ADD.
func (c *call) populate(ctx context.Context, record *state.Record, result *current.Result, engine Engine) (*current.Result, error) {
	if c.conf.Host.NetType != netconf.NetTypeInterface {
		if err := c.Store.Put(record); err != nil { // with the socket, which is ours from now on
			return nil, err
		}
		created := inBackground(func() error { return c.create(ctx, record, engine) })
		result, err := c.allocate(ctx, result)
		if err := errors.Join(err, created()); err != nil {
			return nil, err
		}
		return result, c.complete(record, result)
	}
	result, err := c.allocate(ctx, result)
	if err != nil {
		return nil, err
	}
	if err := c.complete(record, result); err != nil {
		return nil, err
	}
	if err := c.redescribe(record, engine); err != nil {
		return nil, err
	}
	return result, c.create(ctx, record, engine)
}

// inBackground starts a function; what it returns waits, once, for the function's
// end and has its error.
func inBackground(do func() error) (wait func() error) {
	ended := make(chan error, 1)
	go func() { ended <- do() }()
	return func() error { return <-ended }
}

// reserve chooses a number and writes the record: from here on, whatever is
// made can be found.
func (c *call) reserve(record *state.Record, engine Engine) error {
	start, err := engine.Number(c.conf.Host.IfType, c.attachment.Key())
	if err != nil {
		return err
	}
	return c.Store.Reserve(record, start, c.describe(record, engine))
}

func (c *call) prepareDir(record *state.Record) error {
	dir := c.dir() // a volume knows here whether it may be made
	if err := dir.Create(); err != nil {
		return err
	}
	if c.conf.Host.Socket().Abstract {
		return nil
	}
	if record.PodListens {
		if err := dir.Admit(record.Access); err != nil {
			return err
		}
	}
	if !c.repairing || !record.PodListens { // else the living pod's may stand there
		if err := dir.Clear(c.socketName()); err != nil {
			return err
		}
	}
	// What stands there from now on is ours to remove.
	record.Files = append(record.Files, c.socketName())
	return nil
}

// allocate asks IPAM for addresses, where the configuration has an IPAM and there
// is no result of an earlier ADD.
func (c *call) allocate(ctx context.Context, earlier *current.Result) (*current.Result, error) {
	if earlier != nil {
		return earlier, nil
	}
	if c.conf.IPAM.Type == "" {
		return c.static(), nil
	}
	result, err := c.IPAM.Add(ctx, c.conf.IPAM.Type, c.args.StdinData)
	if err != nil {
		return nil, err
	}
	if len(result.IPs) == 0 {
		return nil, fmt.Errorf("IPAM plugin %s gave no address", c.conf.IPAM.Type)
	}
	if _, err := contract.NewIPResult(result); err != nil {
		return nil, fmt.Errorf("IPAM plugin %s: %w", c.conf.IPAM.Type, err)
	}
	return result, nil
}

// static is a result with the addresses that the pod asks for, where there is no
// IPAM to ask.
func (c *call) static() *current.Result {
	result := &current.Result{}
	for _, prefix := range c.conf.StaticAddresses() {
		result.IPs = append(result.IPs, &current.IPConfig{Address: net.IPNet{
			IP: prefix.Addr().AsSlice(), Mask: net.CIDRMask(prefix.Bits(), prefix.Addr().BitLen()),
		}})
	}
	return result
}

// create makes the endpoint. A number that somebody else uses on the vswitch is
// exchanged for the next one.
func (c *call) create(ctx context.Context, record *state.Record, engine Engine) error {
	for {
		err := engine.Create(ctx, record.Spec, !c.repairing)
		taken := new(numberTakenError)
		if !errors.As(err, &taken) {
			return err
		}
		c.log.Info("choosing another number", "err", err)
		if err := engine.Remove(ctx, record.Spec); err != nil {
			return err
		}
		if err := c.exchange(record, engine, taken.kind); err != nil {
			return err
		}
	}
}

// exchange describes the endpoint anew with another number of the given kind;
// empty: its own.
func (c *call) exchange(record *state.Record, engine Engine, kind string) error {
	if kind == "" {
		return c.reserve(record, engine)
	}
	if err := c.Names.Avoid(kind, record.Shared[kind]); err != nil {
		return err
	}
	return c.redescribe(record, engine)
}

// redescribe describes the endpoint anew with its own number as it is.
func (c *call) redescribe(record *state.Record, engine Engine) error {
	if err := c.describe(record, engine)(record.Numbers[len(record.Numbers)-1]); err != nil {
		return err
	}
	return c.Store.Put(record)
}
