package userspace

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/userspace-cni/userspace-cni/pkg/state"
	"github.com/userspace-cni/userspace-cni/pkg/vppapi"
)

// inUse is how long a lock may be held before its call counts as under way.
const inUse = 100 * time.Millisecond

// Garbage is something that no pod uses.
type Garbage struct {
	// What it is, and Why nobody uses it, to a person.
	What, Why string
	// Record is the attachment's; nil: it is an endpoint that no record is about.
	Record *state.Record
	// Connected tells that a peer is connected to an endpoint without a record,
	// and Alive that the network namespace of a pod that is gone is there.
	Connected, Alive bool
	remove           func(context.Context) error
}

// gc removes what no pod uses any more: a runtime that asks for it reaches only
// the cluster's own network, never a secondary one.
func (p *person) gc(ctx context.Context) (bool, error) {
	all, failed := p.garbage(ctx)
	for _, g := range all {
		if p.dryRun {
			fmt.Fprintf(p.Stdout, "would remove %s: %s\n", g.What, g.Why)
			continue
		}
		if err := p.bounded(ctx, g.remove); err != nil {
			failed = append(failed, fmt.Errorf("remove %s: %w", g.What, err))
			continue
		}
		fmt.Fprintf(p.Stdout, "removed %s: %s\n", g.What, g.Why)
	}
	if len(all) == 0 {
		fmt.Fprintln(p.Stdout, "nothing to remove")
	}
	if !p.dryRun {
		failed = append(failed, p.sweepDrafts(ctx))
	}
	err := errors.Join(failed...)
	return err == nil, err
}

func (p *person) bounded(ctx context.Context, do func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, p.Node.DelTimeout)
	defer cancel()
	return do(ctx)
}

// garbage looks at the vswitches before the records: whatever an ADD makes
// meanwhile has a record by then.
func (p *person) garbage(ctx context.Context) ([]Garbage, []error) {
	earlier, _ := p.Store.List()
	seen := map[at]vswitch{}
	for _, where := range p.known(earlier) {
		seen[where] = p.ask(ctx, where, false)
	}
	records, failed := p.records()
	var all []Garbage
	for _, r := range records {
		if why := p.unused(ctx, r); why != "" {
			_, err := os.Lstat(r.Netns)
			all = append(all, Garbage{What: describeRecord(r), Why: why, Record: r, Alive: r.Done && err == nil, remove: func(ctx context.Context) error {
				return p.of(r).locked(ctx, p.collectUnused)
			}})
		}
	}
	recorded := recordedKeys(records, failed)
	for where, v := range seen {
		if v.err != nil && !errors.Is(v.err, vppapi.ErrNotRunning) {
			failed = append(failed, fmt.Errorf("%s: %w", where.socket, v.err))
		}
		all = append(all, p.orphans(where, v, recorded)...)
	}
	slices.SortStableFunc(all, func(a, b Garbage) int { return strings.Compare(a.What, b.What) })
	return all, failed
}

func describeRecord(r *state.Record) string { return describe(r.Attachment, podOf(r)) }

// describe names an attachment: a pod that was recreated may have two, of two
// containers.
func describe(a state.Attachment, pod string) string {
	if pod == a.ShortID() {
		return fmt.Sprintf("%s %s (network %s)", pod, a.IfName, a.Network)
	}
	return fmt.Sprintf("%s %s (network %s, container %s)", pod, a.IfName, a.Network, a.ShortID())
}

// unused says why a record's attachment is used by nobody; empty: it is, or may
// be.
func (p *person) unused(ctx context.Context, r *state.Record) string {
	if why := p.podGone(r); why != "" || r.Done {
		return why
	}
	ctx, cancel := context.WithTimeout(ctx, inUse)
	defer cancel()
	why := ""
	_ = p.of(r).locked(ctx, func(c *call, _ context.Context) error { // held: in use
		if now, err := c.Store.Get(r.Attachment); err == nil && !now.Done {
			why = "its ADD or DEL was ended on its way"
		}
		return nil
	})
	return why
}

// podGone says why the attachment's pod is no more; empty: it is there, or nobody
// knows.
func (p *person) podGone(r *state.Record) string {
	if isGone(r.Netns) {
		return "its network namespace " + r.Netns + " is gone"
	}
	if p.gone != nil {
		return p.gone(r)
	}
	return ""
}

// sweepDrafts removes the beginnings of records that killed calls have left: they
// stand for nothing. Whoever holds the attachment's lock is writing one.
func (p *Plugin) sweepDrafts(ctx context.Context) error {
	keys, err := p.Store.Drafts()
	if err != nil {
		return err
	}
	var failed []error
	for _, key := range keys {
		ctx, cancel := context.WithTimeout(ctx, inUse)
		unlock, err := p.Locks.Lock(ctx, "attachment/"+key)
		if err == nil {
			failed = append(failed, p.Store.RemoveDraft(key))
			unlock()
		}
		cancel()
	}
	return errors.Join(failed...)
}

// isGone tells whether a network namespace has gone. Where there isn't even the
// directory for them, this program doesn't see the host's.
func isGone(netns string) bool {
	if netns == "" {
		return false
	}
	if _, err := os.Stat(filepath.Dir(netns)); err != nil && !strings.HasPrefix(netns, "/proc/") {
		return false
	}
	_, err := os.Lstat(netns)
	return errors.Is(err, fs.ErrNotExist)
}

// collectUnused is a DEL, unless the attachment has come into use since it was
// looked at. It runs under the attachment's lock.
func (p *person) collectUnused(c *call, ctx context.Context) error {
	now, err := c.Store.Get(c.attachment)
	if errors.Is(err, state.ErrNotFound) {
		return nil
	}
	if err == nil && now.Done && p.podGone(now) == "" {
		return errors.New("it is in use by now")
	}
	return c.del(ctx)
}

// orphans are the endpoints of ours that no record is about.
func (p *person) orphans(where at, v vswitch, recorded map[string]bool) []Garbage {
	var all []Garbage
	for tag, endpoint := range v.endpoints {
		key := strings.TrimPrefix(tag, tagPrefix)
		if recorded[key] || !state.IsKey(key) { // else it is shared, and goes with the last who shares it
			continue
		}
		all = append(all, Garbage{
			What: fmt.Sprintf("%s (tag %s) on %s", endpoint.Interface, tag, where.socket),
			Why:  "there is no record of it",

			Connected: endpoint.Link,
			remove: func(ctx context.Context) error {
				return p.removeOrphan(ctx, where, key)
			},
		})
	}
	return all
}

func (p *person) removeOrphan(ctx context.Context, where at, key string) error {
	unlock, err := p.Locks.Lock(ctx, "attachment/"+key)
	if err != nil {
		return err
	}
	defer unlock()
	if recordedKeys(p.Store.List())[key] {
		return errors.New("it is in use by now")
	}
	engine, err := p.engine(where.engine, where.socket)
	if err != nil {
		return err
	}
	return engine.RemoveTagged(ctx, tagPrefix+key)
}

// indent puts text below its heading.
func indent(text string) string {
	var all strings.Builder
	for line := range strings.Lines(strings.TrimSuffix(text, "\n") + "\n") {
		all.WriteString("  " + line)
	}
	return all.String()
}
