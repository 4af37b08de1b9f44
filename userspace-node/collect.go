package node

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/userspace-cni/userspace-cni/pkg/state"
	"github.com/userspace-cni/userspace-cni/userspace"
	"github.com/userspace-cni/userspace-cni/userspace-node/pods"
)

// collect removes what has been unused for the time of grace.
func (a *agent) collect(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, roundTimeout)
	defer cancel()
	garbage, failed := a.care.Garbage(ctx, a.podGone)
	now := time.Now()
	unused := map[string]time.Time{}
	orphans := 0
	for _, g := range garbage {
		if g.Record == nil {
			orphans++
		}
		since, known := a.unused[g.What]
		if !known {
			since = now
			a.Log.Info("unused", "what", g.What, "why", g.Why, "grace", a.Grace)
		}
		unused[g.What] = since
		if now.Sub(since) < a.graceOf(g) || a.NoCollect || g.Connected || !a.canWithdraw(g.Record) {
			continue
		}
		err := a.care.Remove(ctx, g)
		a.metrics.Collected(kindOf(g), err == nil)
		if err != nil {
			failed = append(failed, fmt.Errorf("remove %s: %w", g.What, err))
			continue
		}
		delete(unused, g.What)
		a.Log.Info("removed", "what", g.What, "why", g.Why)
	}
	if !a.NoCollect {
		failed = append(failed, a.care.Sweep(ctx))
	}
	if err := errors.Join(failed...); err != nil && ctx.Err() == nil {
		a.Log.Debug("not everything that is unused could be found or removed", "err", err)
	}
	a.unused = unused
	a.Log.Debug("looked for what is unused", "found", len(unused))
	a.mu.Lock()
	defer a.mu.Unlock()
	a.orphans = orphans
}

// lingering is how many times as long a pod that the API server has no more is
// left its endpoint while its network namespace is there: the processes of one
// that was deleted by force have their time to end.
const lingering = 10

func (a *agent) graceOf(g userspace.Garbage) time.Duration {
	if g.Alive {
		return lingering * a.Grace
	}
	return a.Grace
}

// canWithdraw tells whether the API server is there to take the attachment's entry
// out of its pod's annotations, where there may be one.
func (a *agent) canWithdraw(r *state.Record) bool {
	return r == nil || r.Pod == nil || a.pods == nil || a.pods.Synced()
}

func kindOf(g userspace.Garbage) string {
	if g.Record == nil {
		return "endpoint"
	}
	return "attachment"
}

// podGone says what the API server knows of a record's pod; empty: it is there,
// or nobody knows.
func (a *agent) podGone(r *state.Record) string {
	if a.pods == nil || r.Pod == nil {
		return ""
	}
	if gone, known := a.pods.Gone(r.Pod.Namespace, r.Pod.Name, r.Pod.UID); known && gone {
		return fmt.Sprintf("the API server has no pod %s of UID %s on this node", userspace.PodOf(r), r.Pod.UID)
	}
	return ""
}

func podRef(r *state.Record) pods.Ref {
	return pods.Ref{Namespace: r.Pod.Namespace, Name: r.Pod.Name, UID: r.Pod.UID}
}
