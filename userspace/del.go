package userspace

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/userspace-cni/userspace-cni/pkg/contract"
	"github.com/userspace-cni/userspace-cni/pkg/kube"
	"github.com/userspace-cni/userspace-cni/pkg/netconf"
	"github.com/userspace-cni/userspace-cni/pkg/state"
)

// del leaves nothing of the attachment. Whatever is gone already is success.
func (c *call) del(ctx context.Context) error {
	record, err := c.load()
	switch {
	case err == nil:
		unlock, err := c.lockDir(ctx, record.Dir)
		if err != nil {
			return err
		}
		defer unlock()
		return c.dismantle(ctx, record)
	case errors.Is(err, state.ErrNotFound):
		c.log.Info("there is no record: looking for what the attachment may have left")
	case errors.Is(err, state.ErrDamaged):
		c.log.Warn("looking for what the attachment may have left", "err", err)
	default:
		return err
	}
	c.understand(ctx)
	unlock, err := c.lockDir(ctx, c.dir().Path)
	if err != nil {
		return err
	}
	defer unlock()
	return c.dismantleUnrecorded(ctx)
}

// understand learns what only ADD needs where there is a record: the whole
// configuration, and the pod with its volume. DEL does without either.
func (c *call) understand(ctx context.Context) {
	if c.valid() != nil {
		c.log.Warn("the configuration is not valid: only what bears the attachment's tag and name is removed", "err", c.invalid)
		return
	}
	err := c.fetchPod(ctx)
	if err != nil && !errors.Is(err, kube.ErrNotFound) && !errors.Is(err, kube.ErrReplaced) {
		c.log.Warn("nothing is removed from the pod's volume and annotations", "err", err)
	}
}

// dismantle takes everything away that a record stands for, in the reverse of
// ADD's order and whatever fails on the way. The record itself goes last, and
// only when nothing else is left.
func (c *call) dismantle(ctx context.Context, record *state.Record) error {
	c.invalidate(record)
	if err := errors.Join(removeDeviceInfo(record), removePeers(record), c.removeEndpoint(ctx, record), c.release(ctx, record)); err != nil {
		return err
	}
	c.withdraw(ctx, record)
	return c.Store.Delete(c.attachment)
}

// invalidate notes, before anything is taken away, that the attachment isn't
// whole any more. Otherwise an ADD after a DEL that failed or was killed on its
// way would go by the record, with addresses that were given back already. Where
// the note can't be written, DEL still can do its work.
func (c *call) invalidate(record *state.Record) {
	if !record.Done {
		return
	}
	record.Done = false
	if err := c.Store.Put(record); err != nil {
		c.log.Warn("the record can't be marked as being deleted", "err", err)
	}
}

// removePeers takes the socket away that a pod has made for us to connect to. It
// is no part of removing the endpoint, which ADD does to make it again: a pod
// that lives listens on it.
func removePeers(record *state.Record) error {
	if !record.PodListens {
		return nil
	}
	return dirOf(record).RemovePeers(record.Files...)
}

// removeEndpoint takes away what is on the vswitch and in the shared directory.
func (c *call) removeEndpoint(ctx context.Context, record *state.Record) error {
	return errors.Join(c.removeSpec(ctx, record), dirOf(record).Remove(record.Files...))
}

// removeSpec takes away what is on the vswitch, which gets most of the call's
// time, but not what the rest needs. A record without a spec stands for nothing
// there: the call ended before it had chosen what to make.
func (c *call) removeSpec(ctx context.Context, record *state.Record) error {
	if record.Spec == nil {
		return nil
	}
	engine, err := c.engine(record.Engine, record.Socket)
	if err != nil {
		return err
	}
	ctx, cancel := shorter(ctx)
	defer cancel()
	return engine.Remove(ctx, record.Spec)
}

// release gives the addresses back to the IPAM that gave them, whatever the
// configuration says by now.
func (c *call) release(ctx context.Context, record *state.Record) error {
	if record.IPAM == "" {
		return nil
	}
	return c.IPAM.Del(ctx, record.IPAM, record.NetConf)
}

// dismantleUnrecorded does the same for an attachment whose record is lost:
// from the tag on the vswitch and the names that ADD would have chosen.
func (c *call) dismantleUnrecorded(ctx context.Context) error {
	failed := []error{c.removeTagged(ctx)}
	if c.invalid == nil {
		failed = append(failed, c.removeDescribed(ctx))
	} else {
		failed = append(failed, c.dir().Remove(c.files()...))
	}
	record := c.newRecord()
	err := c.release(ctx, record)
	if err != nil && c.invalid != nil && !isPassing(err) {
		// An ADD that was refused never came to IPAM, and a pod that asked for what
		// can't be had must not stay for ever because IPAM refuses it as well.
		c.log.Warn("IPAM refuses the configuration too", "err", err)
		err = nil
	}
	if err := errors.Join(append(failed, err)...); err != nil {
		return err
	}
	c.withdraw(ctx, record)
	return c.Store.Delete(c.attachment)
}

// removeTagged removes what bears the attachment's tag, on every engine that
// the configuration may mean.
func (c *call) removeTagged(ctx context.Context) error {
	engine, err := c.engine(netconf.EngineVPP, c.conf.VPPAPISocket)
	if err != nil {
		return err
	}
	ctx, cancel := shorter(ctx)
	defer cancel()
	return engine.RemoveTagged(ctx, c.tag())
}

// removeDescribed removes what the first number's spec describes: what a call
// that was killed before it could tag anything has made.
func (c *call) removeDescribed(ctx context.Context) error {
	record := c.newRecord()
	engine, err := c.engine(record.Engine, record.Socket)
	if err != nil {
		return err
	}
	number, err := engine.Number(c.conf.Host.IfType, c.attachment.Key())
	if err != nil {
		return err
	}
	if err := c.describe(record, engine)(number); err != nil {
		return err
	}
	record.Files = c.files()
	return errors.Join(removeDeviceInfo(record), removePeers(record), c.removeEndpoint(ctx, record))
}

// files are those that ADD puts into the shared directory.
func (c *call) files() []string {
	files := []string{contract.FileName(c.attachment)}
	if !c.conf.Host.Socket().Abstract {
		files = append(files, c.socketName())
	}
	return files
}

// undo takes a failed ADD back and returns why it failed, with what couldn't be
// taken back.
func (c *call) undo(ctx context.Context, record *state.Record, cause error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.Node.AddTimeout/undoShare)
	defer cancel()
	if err := c.dismantle(ctx, record); err != nil {
		return errors.Join(cause, fmt.Errorf("undoing it failed too, DEL will try again: %w", err))
	}
	return cause
}

// keepingTimeToUndo is the context of ADD's work: it ends before the call's.
func (c *call) keepingTimeToUndo(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, _ := ctx.Deadline()
	return context.WithDeadline(ctx, deadline.Add(-c.Node.AddTimeout/undoShare))
}

// shorter is a context that leaves some of the call's time to what follows: no
// more than a part of it, however little time the node settings give.
func shorter(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	reserve := min(undoReserve, time.Until(deadline)/undoShare)
	return context.WithDeadline(ctx, deadline.Add(-reserve))
}
