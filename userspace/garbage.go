package userspace

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/userspace-cni/userspace-cni/pkg/state"
	"github.com/userspace-cni/userspace-cni/pkg/vppapi"
)

// inUse is how long a lock may be held before its call counts as under way.
const inUse = 100 * time.Millisecond

// garbage is something that no pod uses.
type garbage struct {
	what, why string
	remove    func(context.Context) error
}

// gc removes what no pod uses any more: a runtime that asks for it reaches only
// the cluster's own network, never a secondary one.
func (p *person) gc(ctx context.Context) (bool, error) {
	all, failed := p.garbage(ctx)
	for _, g := range all {
		if p.dryRun {
			fmt.Fprintf(p.Stdout, "would remove %s: %s\n", g.what, g.why)
			continue
		}
		if err := p.bounded(ctx, g.remove); err != nil {
			failed = append(failed, fmt.Errorf("remove %s: %w", g.what, err))
			continue
		}
		fmt.Fprintf(p.Stdout, "removed %s: %s\n", g.what, g.why)
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
func (p *person) garbage(ctx context.Context) ([]garbage, []error) {
	earlier, _ := p.Store.List()
	seen := map[at]vswitch{}
	for _, where := range p.known(earlier) {
		seen[where] = p.ask(ctx, where, false)
	}
	records, failed := p.records()
	var all []garbage
	for _, r := range records {
		if why := p.unused(ctx, r); why != "" {
			all = append(all, garbage{describeRecord(r), why, func(ctx context.Context) error {
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
	slices.SortStableFunc(all, func(a, b garbage) int { return strings.Compare(a.what, b.what) })
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
	if isGone(r.Netns) {
		return "its network namespace " + r.Netns + " is gone"
	}
	if r.Done {
		return ""
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

func isGone(netns string) bool {
	if netns == "" {
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
	if err == nil && now.Done && !isGone(now.Netns) {
		return errors.New("it is in use by now")
	}
	return c.del(ctx)
}

// orphans are the endpoints of ours that no record is about.
func (p *person) orphans(where at, v vswitch, recorded map[string]bool) []garbage {
	var all []garbage
	for tag, endpoint := range v.endpoints {
		key := strings.TrimPrefix(tag, tagPrefix)
		if recorded[key] {
			continue
		}
		all = append(all, garbage{
			what: fmt.Sprintf("%s (tag %s) on %s", endpoint.Interface, tag, where.socket),
			why:  "there is no record of it",
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
