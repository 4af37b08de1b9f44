package userspace

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"time"

	current "github.com/containernetworking/cni/pkg/types/100"

	"github.com/userspace-cni/userspace-cni/cnivpp"
	"github.com/userspace-cni/userspace-cni/pkg/shareddir"
	"github.com/userspace-cni/userspace-cni/pkg/state"
)

// Caretaker does for all attachments of a node, again and again, what calls do
// for one. It takes the calls' locks, so that a call and any number of caretakers
// never undo each other.
type Caretaker struct{ *person }

// Caretaker serves the VPP at the API socket besides those that records name; it
// logs what it does.
func (p *Plugin) Caretaker(log *slog.Logger, apiSocket string) *Caretaker {
	return &Caretaker{p.person(log, options{apiSocket: apiSocket})}
}

// Vswitch is where a vswitch is: its engine and its API socket.
type Vswitch = at

// Socket is the vswitch's API socket.
func (a at) Socket() string { return a.socket }

// Records are all of the node's, and an error for each that can't be read.
func (c *Caretaker) Records() ([]*state.Record, []error) { return c.records() }

// Vswitches are those that the records name, and the node's own.
func (c *Caretaker) Vswitches(records []*state.Record) []Vswitch { return c.known(records) }

// On are the records of what is on a vswitch, if their pods wanted anything. Of those whose ADD or DEL hasn't
// ended nothing can be said.
func On(where Vswitch, records []*state.Record) []*state.Record {
	var on []*state.Record
	for _, r := range records {
		if r.Done && !r.Off && vswitchOf(r) == where {
			on = append(on, r)
		}
	}
	return on
}

// Keep connects to a vswitch.
func (c *Caretaker) Keep(ctx context.Context, where Vswitch) (Keeper, error) {
	engine, err := c.engine(where.engine, where.socket)
	if err != nil {
		return nil, err
	}
	return engine.Keep(ctx)
}

// Health is how an attachment is.
type Health struct {
	*state.Record
	Seen
	// Summary is of the endpoint.
	Summary Summary
	// Socket is what its socket needs; empty: nothing.
	Socket string
}

// IsIntact tells whether there is nothing to do.
func (h Health) IsIntact() bool { return h.Plan == "" && h.Socket == "" && h.Err == nil }

// Survey looks at all endpoints of a vswitch by the records, and changes nothing.
func (c *Caretaker) Survey(ctx context.Context, keeper Keeper, records []*state.Record) []Health {
	all := make([]Health, len(records))
	for i, seen := range keeper.Survey(ctx, specsOf(records)) {
		h := Health{Record: records[i], Seen: seen}
		if summary, err := c.summarize(records[i]); err == nil {
			h.Summary = summary
		}
		err := seesDir(records[i])
		if err == nil {
			h.Socket, err = socketDiffers(records[i])
		}
		if h.Err == nil {
			h.Err = err
		}
		all[i] = h
	}
	return all
}

func specsOf(records []*state.Record) []json.RawMessage {
	specs := make([]json.RawMessage, len(records))
	for i, r := range records {
		specs[i] = r.Spec
	}
	return specs
}

// Outcome is what became of a repair; Err is nil where it is done. ErrBusy says
// that a call about the attachment is under way, which may have done it.
type Outcome struct {
	*state.Record
	Err error
}

// ErrBusy means that a call about the attachment is under way.
var ErrBusy = errors.New("a call about it is under way")

// batch is how many attachments are locked at a time: calls about them wait for
// no longer than their repair takes.
const batch = 64

// share is how many attachments are repaired under the locks of what they share.
const share = 512

// Restore repairs attachments of one vswitch, object by object and many at once.
func (c *Caretaker) Restore(ctx context.Context, keeper Keeper, records []*state.Record) []Outcome {
	var outcomes []Outcome
	for some := range slices.Chunk(records, share) {
		done, anew := c.repairAll(ctx, keeper, some)
		outcomes = append(outcomes, done...)
		for _, r := range anew {
			outcomes = append(outcomes, Outcome{r, c.remake(ctx, r)})
		}
	}
	return outcomes
}

// repairAll repairs what can be by single steps, and returns the rest.
func (c *Caretaker) repairAll(ctx context.Context, keeper Keeper, records []*state.Record) (outcomes []Outcome, anew []*state.Record) {
	// A vswitch that hangs must not keep a DEL from what it can do without.
	ctx, cancel := context.WithTimeout(ctx, c.Node.DelTimeout/2)
	defer cancel()
	repair, err := keeper.Begin(ctx, specsOf(records))
	if err != nil {
		for _, r := range records {
			outcomes = append(outcomes, Outcome{r, err})
		}
		return outcomes, nil
	}
	defer repair.End()
	for some := range slices.Chunk(records, batch) {
		for _, done := range c.repairSome(ctx, repair, some) {
			if errors.Is(done.Err, errRenew) {
				anew = append(anew, done.Record)
				continue
			}
			outcomes = append(outcomes, done)
		}
	}
	return outcomes, anew
}

// repairSome repairs attachments whose calls, if there are any, have ended.
func (c *Caretaker) repairSome(ctx context.Context, repair Repair, records []*state.Record) []Outcome {
	var outcomes []Outcome
	var held []*call
	var now []*state.Record
	locks := &locked{}
	defer locks.release()
	for _, r := range records {
		other := c.of(r)
		record, err := other.hold(ctx, r, locks)
		if err != nil {
			outcomes = append(outcomes, Outcome{r, err})
			continue
		}
		held, now = append(held, other), append(now, record)
	}
	failed := repair.Apply(ctx, specsOf(now), func(i int) error { return held[i].clearTheWay(now[i]) })
	for i, err := range failed {
		if err == nil {
			err = held[i].attend(now[i])
		}
		outcomes = append(outcomes, Outcome{now[i], err})
	}
	return outcomes
}

// locked are locks that are held together. Networks of one pod share a directory.
type locked struct {
	names  []string
	unlock []func()
}

// take adds a lock, unless it is held already.
func (l *locked) take(ctx context.Context, from cnivpp.Locker, name string) error {
	if slices.Contains(l.names, name) {
		return nil
	}
	unlock, err := from.Lock(ctx, name)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrBusy, err)
	}
	l.names, l.unlock = append(l.names, name), append(l.unlock, unlock)
	return nil
}

func (l *locked) release() {
	for _, unlock := range l.unlock {
		unlock()
	}
}

// tryTime is for a lock that is free: others wait for those that are held.
const tryTime = 5 * time.Millisecond

// hold locks the attachment, and its directory, and reads its record again. It
// waits for no call.
func (c *call) hold(ctx context.Context, seen *state.Record, locks *locked) (*state.Record, error) {
	ctx, cancel := context.WithTimeout(ctx, tryTime)
	defer cancel()
	if err := locks.take(ctx, c.Locks, "attachment/"+c.attachment.Key()); err != nil {
		return nil, err
	}
	record, err := c.load()
	switch {
	case errors.Is(err, state.ErrNotFound): // its DEL has just ended
		return nil, ErrBusy
	case err != nil:
		return nil, err
	case !record.Done || record.Dir != seen.Dir || !bytes.Equal(record.Spec, seen.Spec): // another ADD's
		return nil, ErrBusy
	}
	return record, locks.take(ctx, c.Locks, directoryLock(record.Dir))
}

// clearTheWay removes the socket that a former vswitch has left: the new one
// would try it as a client first, and the pod may have put its own there.
func (c *call) clearTheWay(record *state.Record) error {
	if record.Listening == "" {
		return nil
	}
	if err := seesDir(record); err != nil {
		return err
	}
	return dirOf(record).Clear(record.Listening)
}

// seesDir fails where this program doesn't see the directory that the pod shares:
// in a container it needs the node's. Nothing can be said of a socket in there,
// least of all that it is gone.
func seesDir(record *state.Record) error {
	if record.Listening == "" {
		return nil
	}
	if _, err := os.Stat(record.Dir); err != nil {
		return fmt.Errorf("the directory that the pod shares can't be seen (is it mounted here too?): %w", err)
	}
	return nil
}

// attend gives the pod the socket, which VPP may have made again.
func (c *call) attend(record *state.Record) error {
	missing, err := socketDiffers(record)
	if err != nil || missing == "" {
		return err
	}
	err = c.grant(record)
	if errors.Is(err, shareddir.ErrNoSocket) {
		return fmt.Errorf("%w: %w", errRenew, err)
	}
	return err
}

// remake does what an ADD of a living pod does: it removes the endpoint and makes
// it again, perhaps under another number.
func (c *Caretaker) remake(ctx context.Context, seen *state.Record) error {
	ctx, cancel := context.WithTimeout(ctx, c.Node.AddTimeout)
	defer cancel()
	other := c.of(seen)
	locks := &locked{}
	defer locks.release()
	record, err := other.hold(ctx, seen, locks)
	if err != nil {
		return err
	}
	if err := seesDir(record); err != nil {
		return err
	}
	if err := other.removeSpec(ctx, record); err != nil {
		return err
	}
	if err := other.clearTheWay(record); err != nil {
		return err
	}
	engine, err := other.engine(record.Engine, record.Socket)
	if err != nil {
		return err
	}
	other.repairing, other.result = true, new(current.Result)
	if err := json.Unmarshal(record.Result, other.result); err != nil {
		return fmt.Errorf("result in the record: %w", err)
	}
	if err := other.create(ctx, record, engine); err != nil {
		// VPP takes a socket on which it couldn't listen for one on which it does.
		return errors.Join(err, other.removeSpec(ctx, record))
	}
	return other.grant(record)
}

// Garbage is what no pod uses, by the records, and by what is known of pods: gone
// says why a record's pod is no more, or nothing.
func (c *Caretaker) Garbage(ctx context.Context, gone func(*state.Record) string) ([]Garbage, []error) {
	c.gone = gone
	all, failed := c.garbage(ctx)
	if err := c.blind(failed); err != nil {
		// Whose endpoint it is, nobody can tell who doesn't see all records.
		all = slices.DeleteFunc(all, func(g Garbage) bool { return g.Record == nil })
		failed = append(failed, err)
	}
	return all, failed
}

// blind says why not all records can be seen; nil: they can.
func (c *Caretaker) blind(failed []error) error {
	for _, err := range failed {
		if damaged := new(state.DamagedError); !errors.As(err, &damaged) {
			return fmt.Errorf("endpoints without a record are left alone: %w", err)
		}
	}
	if _, err := os.Stat(filepath.Join(c.Node.RecordsDir, "records")); err != nil {
		return fmt.Errorf("endpoints without a record are left alone: %w", err)
	}
	return nil
}

// Remove takes it away, unless it has come into use meanwhile.
func (c *Caretaker) Remove(ctx context.Context, g Garbage) error { return c.bounded(ctx, g.remove) }

// Sweep removes the beginnings of records that killed calls have left.
func (c *Caretaker) Sweep(ctx context.Context) error { return c.sweepDrafts(ctx) }

// PodOf names the pod of a record, or else its container.
func PodOf(r *state.Record) string { return podOf(r) }
