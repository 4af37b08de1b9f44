package node

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/userspace-cni/userspace-cni/pkg/state"
	"github.com/userspace-cni/userspace-cni/pkg/vppapi"
	"github.com/userspace-cni/userspace-cni/userspace"
	"github.com/userspace-cni/userspace-cni/userspace-node/pods"
	"github.com/userspace-cni/userspace-cni/userspace-node/stats"
)

// vswitch is one that the agent attends.
type vswitch struct {
	*agent
	where userspace.Vswitch
	ctx   context.Context // ends when nothing is on it any more
	leave context.CancelFunc

	mu       sync.Mutex // guards what follows
	instance userspace.Instance
	since    time.Time // when instance was asked for
	up       bool
	surveyed bool // since it is up
	health   []userspace.Health
	silent   bool  // it didn't answer the last time
	failed   error // of the last repair
	segment  *stats.Segment
}

func newVswitch(ctx context.Context, a *agent, where userspace.Vswitch) *vswitch {
	v := &vswitch{agent: a, where: where}
	v.ctx, v.leave = context.WithCancel(ctx)
	return v
}

// Pauses between attempts to connect: short at first, because pods wait.
const firstPause, longestPause = 20 * time.Millisecond, time.Second

// attend connects to the vswitch whenever it runs, and keeps its endpoints.
func (v *vswitch) attend() {
	ctx := v.ctx
	defer v.leave()
	pause, told := firstPause, false
	for ctx.Err() == nil {
		keeper, err := v.connect(ctx)
		if err != nil {
			if !told && ctx.Err() == nil {
				v.Log.Warn("waiting for VPP", "socket", v.where.Socket(), "err", err)
			}
			told = true
			sleep(ctx, pause)
			pause = min(2*pause, longestPause)
			continue
		}
		told = false
		started := time.Now()
		v.keep(ctx, keeper)
		if ctx.Err() == nil {
			v.isGone()
		}
		keeper.Close()
		if time.Since(started) > longestPause {
			pause = firstPause
			continue
		}
		sleep(ctx, pause) // something accepts connections and drops them
		pause = min(2*pause, longestPause)
	}
}

func sleep(ctx context.Context, pause time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(pause):
	}
}

// connectTimeout bounds an attempt to connect to a VPP that hangs.
const connectTimeout = 10 * time.Second

func (v *vswitch) connect(ctx context.Context) (userspace.Keeper, error) {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	keeper, err := v.care.Keep(ctx, v.where)
	if err != nil {
		return nil, err
	}
	instance, err := keeper.Instance(ctx)
	if err != nil {
		keeper.Close()
		return nil, err
	}
	v.isUp(instance)
	return keeper, nil
}

// isUp notes which run of VPP this is. It has restarted when it has run for less
// time than has passed since we saw it, or is another process.
func (v *vswitch) isUp(now userspace.Instance) {
	v.mu.Lock()
	defer v.mu.Unlock()
	before, passed := v.instance, time.Since(v.since)
	seenBefore := !v.since.IsZero()
	restarted := seenBefore && (before.PID != now.PID || now.Uptime < before.Uptime+passed-clockSlack)
	v.instance, v.since, v.up, v.surveyed = now, time.Now(), true, false
	log := v.Log.With("socket", v.where.Socket(), "release", now.Release, "uptime", now.Uptime.Round(time.Second))
	switch {
	case restarted:
		v.metrics.Restarted(v.where.Socket())
		log.Warn("VPP was restarted")
	case seenBefore:
		log.Info("connected to VPP again")
	default:
		log.Info("connected to VPP")
	}
}

// clockSlack is how much two clocks may differ.
const clockSlack = time.Second

func (v *vswitch) isGone() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.up = false
	for _, h := range v.health {
		if v.pods != nil && h.Pod != nil {
			v.pods.Event(podRef(h.Record), pods.Warning, pods.ReasonLost, fmt.Sprintf("The host's VPP is gone, and the endpoint of %s (network %s) with it", h.IfName, h.Network))
		}
	}
	if v.segment != nil {
		v.segment.Close()
		v.segment = nil
	}
}

// keep repairs at once, and then at each interval, or earlier where something is
// left to repair, until VPP is gone.
func (v *vswitch) keep(ctx context.Context, keeper userspace.Keeper) {
	connected, err := keeper.LinkUps(ctx)
	if err != nil {
		v.Log.Warn("how endpoints receive is mended only at each interval", "socket", v.where.Socket(), "err", err)
	}
	retry := firstPause
	for {
		wait := v.Interval
		if again := v.round(ctx, keeper); again {
			retry = min(2*retry, v.Interval)
			wait = retry
		} else {
			retry = firstPause
		}
		if !v.idle(ctx, keeper, connected, wait) {
			return
		}
	}
}

// idle waits until there is something to do; it returns false when VPP is gone,
// or the agent ends. A peer that connects is a reason where an endpoint's receive
// mode is set: VPP has forgotten it.
func (v *vswitch) idle(ctx context.Context, keeper userspace.Keeper, connected <-chan struct{}, wait time.Duration) bool {
	if !v.hasRxModes() {
		connected = nil
	}
	select {
	case <-ctx.Done():
		return false
	case <-keeper.Gone():
		if ctx.Err() == nil {
			v.Log.Warn("VPP is gone", "socket", v.where.Socket())
		}
		return false
	case <-connected:
		// Peers often come together, as after a restart.
		sleep(ctx, gatherPause)
	case <-time.After(wait):
	}
	return true
}

// gatherPause is also how often a pod can make the agent look at everything, by
// connecting again and again.
const gatherPause = time.Second

func (v *vswitch) hasRxModes() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.ContainsFunc(v.health, func(h userspace.Health) bool { return h.Summary.RxMode != "" })
}

// roundTimeout bounds one look at all endpoints, with their repair.
const roundTimeout = 2 * time.Minute

// round looks at all endpoints and repairs those that aren't intact. It returns
// whether there are some left.
func (v *vswitch) round(ctx context.Context, keeper userspace.Keeper) (again bool) {
	ctx, cancel := context.WithTimeout(ctx, roundTimeout)
	defer cancel()
	started := time.Now()
	records, _ := v.care.Records()
	health := v.survey(ctx, keeper, records)
	if v.isSilent(health) {
		return true
	}
	var broken []userspace.Health
	for _, h := range health {
		if !h.IsIntact() {
			broken = append(broken, h)
		}
	}
	var failed error
	if len(broken) > 0 && !isClosed(keeper.Gone()) {
		var done int
		done, failed = v.restore(ctx, keeper, broken)
		took := time.Since(started)
		again = done < len(broken)
		health = v.survey(ctx, keeper, records)
		if done > 0 {
			v.Log.Info("repaired", "socket", v.where.Socket(), "endpoints", done, "took", took.Round(time.Millisecond))
		}
	}
	if isClosed(keeper.Gone()) {
		return false
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if !v.surveyed && len(broken) > 0 {
		v.metrics.Restored(time.Since(started))
	}
	v.health, v.failed, v.surveyed = health, failed, true
	return again
}

// surveyTimeout is how long a VPP that hangs is waited for.
const surveyTimeout = 10 * time.Second

func (v *vswitch) survey(ctx context.Context, keeper userspace.Keeper, records []*state.Record) []userspace.Health {
	ctx, cancel := context.WithTimeout(ctx, surveyTimeout)
	defer cancel()
	return v.care.Survey(ctx, keeper, userspace.On(v.where, records))
}

// isSilent tells whether VPP didn't answer: then nothing is known, and no
// endpoint is to blame.
func (v *vswitch) isSilent(health []userspace.Health) bool {
	i := slices.IndexFunc(health, func(h userspace.Health) bool {
		return errors.Is(h.Err, vppapi.ErrNoAnswer) || errors.Is(h.Err, vppapi.ErrConnectionLost)
	})
	v.mu.Lock()
	defer v.mu.Unlock()
	silent := i >= 0
	if silent && !v.silent {
		v.Log.Warn("VPP does not answer", "socket", v.where.Socket(), "err", health[i].Err)
	}
	v.silent = silent
	return silent
}

func isClosed(gone <-chan struct{}) bool {
	select {
	case <-gone:
		return true
	default:
		return false
	}
}

// restore repairs what is broken, and says so where people look for it. It
// leaves out what calls are about. It returns how many it has repaired, and why
// not others.
func (v *vswitch) restore(ctx context.Context, keeper userspace.Keeper, broken []userspace.Health) (repaired int, err error) {
	var records []*state.Record
	by := map[string]userspace.Health{}
	for _, h := range broken {
		records = append(records, h.Record)
		by[h.Key()] = h
		v.Log.Debug("not intact", "pod", userspace.PodOf(h.Record), "ifname", h.IfName, "network", h.Network, "plan", h.Plan+h.Socket, "err", h.Err)
	}
	var failed []error
	for _, done := range v.care.Restore(ctx, keeper, records) {
		if isClosed(keeper.Gone()) {
			return repaired, nil // the next VPP gets them all
		}
		h := by[done.Key()]
		if errors.Is(done.Err, userspace.ErrBusy) {
			continue
		}
		v.metrics.Repaired(h.Summary.Kind, h.Network, done.Err == nil)
		v.tell(h, done.Err)
		if done.Err != nil {
			failed = append(failed, fmt.Errorf("%s %s: %w", userspace.PodOf(done.Record), done.IfName, done.Err))
			continue
		}
		repaired++
	}
	v.mu.Lock()
	before := v.failed
	v.mu.Unlock()
	err = errors.Join(failed...)
	if err != nil && (before == nil || before.Error() != err.Error()) {
		v.Log.Warn("not everything could be repaired", "socket", v.where.Socket(), "err", err)
	}
	return repaired, err
}

// tell leaves an event on the pod.
func (v *vswitch) tell(h userspace.Health, err error) {
	if v.pods == nil || h.Pod == nil {
		return
	}
	endpoint := fmt.Sprintf("%s (network %s) on the host's VPP, %s", h.IfName, h.Network, h.Summary.Interface)
	switch {
	case err != nil:
		v.pods.Event(podRef(h.Record), pods.Warning, pods.ReasonNotRestored, fmt.Sprintf("The endpoint of %s can't be made again: %v", endpoint, err))
	case h.Exists:
		v.pods.Event(podRef(h.Record), pods.Normal, pods.ReasonRestored, fmt.Sprintf("The endpoint of %s was damaged and is repaired", endpoint))
	default:
		v.pods.Event(podRef(h.Record), pods.Normal, pods.ReasonRestored, fmt.Sprintf("The endpoint of %s was lost and is made again", endpoint))
	}
}

// ready tells whether the vswitch is there and answers.
func (v *vswitch) ready() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	switch {
	case !v.up:
		return fmt.Errorf("VPP at %s is not running, or doesn't answer", v.where.Socket())
	case v.silent:
		return fmt.Errorf("VPP at %s doesn't answer", v.where.Socket())
	case !v.surveyed:
		return fmt.Errorf("the endpoints on VPP at %s were not looked at yet", v.where.Socket())
	}
	return nil
}
