package cnivpp

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"go.fd.io/govpp/api"
	interfaces "go.fd.io/govpp/binapi/interface"
	"go.fd.io/govpp/binapi/interface_types"

	"github.com/userspace-cni/userspace-cni/cnivpp/vpp"
)

// ErrRenew means that a repair of what there is won't do: the endpoint has to be
// removed and made again, perhaps under another number.
var ErrRenew = errors.New("the endpoint has to be made anew")

// Keeper is a lasting connection to a VPP, for a program that stays. It looks at
// all endpoints by one dump for each type of object, and repairs many at once.
type Keeper struct {
	engine  *Engine
	session *vpp.Session
}

// Keep connects to VPP. The errors are those of vppapi.Dial.
func (e *Engine) Keep(ctx context.Context) (*Keeper, error) {
	session, err := vpp.Connect(ctx, e.Socket)
	if err != nil {
		return nil, err
	}
	return &Keeper{e, session}, nil
}

// Gone is closed when the connection has ended: VPP has, or it has dropped us.
func (k *Keeper) Gone() <-chan struct{} { return k.session.Gone() }

// Close ends the connection.
func (k *Keeper) Close() error { return k.session.Close() }

// Session is the connection itself.
func (k *Keeper) Session() *vpp.Session { return k.session }

// LinkUps signals that links have come up, one signal for any number of them:
// Survey then says what is to be done for the peers that have connected. Links that
// came up before the call are not among them. It ends with the context or the
// connection, and closes the channel.
func (k *Keeper) LinkUps(ctx context.Context) (<-chan struct{}, error) {
	events, err := k.session.Conn().WatchEvent(ctx, &interfaces.SwInterfaceEvent{})
	if err != nil {
		return nil, fmt.Errorf("watch links: %w", err)
	}
	_, err = interfaces.NewServiceClient(k.session.Conn()).WantInterfaceEvents(ctx, &interfaces.WantInterfaceEvents{
		EnableDisable: 1, PID: uint32(os.Getpid()),
	})
	if err != nil && !errors.Is(err, api.INVALID_REGISTRATION) { // what VPP says to who gets them already
		events.Close()
		return nil, fmt.Errorf("watch links: %w", err)
	}
	ups := make(chan struct{}, 1)
	go func() {
		defer close(ups)
		for event := range events.Events() {
			if event.(*interfaces.SwInterfaceEvent).Flags&interface_types.IF_STATUS_API_FLAG_LINK_UP == 0 {
				continue
			}
			select {
			case ups <- struct{}{}:
			default: // one is waiting to be seen
			}
		}
	}()
	return ups, nil
}

// Finding is what VPP has of a spec.
type Finding struct {
	// Plan leads from there to the spec; empty: it is intact.
	Plan vpp.Plan
	// Interface is the endpoint's; nil: VPP has none.
	Interface *vpp.Interface
	// Err is why there is no plan.
	Err error
}

// Survey compares specs with what VPP has, and changes nothing.
func (k *Keeper) Survey(ctx context.Context, specs []Spec) []Finding {
	s := k.session.Snapshot()
	found := make([]Finding, len(specs))
	inParallel(len(specs), func(i int) {
		f := &found[i]
		if f.Err = s.Probe(ctx, specs[i].messages()...); f.Err != nil {
			return
		}
		var seen state
		if seen, f.Err = observe(ctx, s, specs[i], vpp.Existence); f.Err == nil {
			f.Plan = seen.toward(specs[i])
		}
		if f.Err == nil {
			f.Interface, f.Err = s.Interface(ctx, specs[i].Endpoint.Interface())
		}
	})
	return found
}

// atOnce is how many requests to VPP are under way: it answers all that wait in
// one turn of its main loop.
const atOnce = 32

// inParallel does something for each number below n.
func inParallel(n int, do func(i int)) {
	var all sync.WaitGroup
	room := make(chan struct{}, atOnce)
	for i := range n {
		room <- struct{}{}
		all.Go(func() {
			defer func() { <-room }()
			do(i)
		})
	}
	all.Wait()
}

// Repair is under way from Begin to End. Meanwhile nobody who takes our locks
// changes what its specs share.
type Repair struct {
	keeper *Keeper
	unlock []func()
	failed map[string]error // of shared parts, by sharedKey
}

// Begin takes the locks of what the specs share, and repairs that. What can't be
// repaired keeps the endpoints from it, which Apply says.
func (k *Keeper) Begin(ctx context.Context, specs []Spec) (*Repair, error) {
	r := &Repair{keeper: k, failed: map[string]error{}}
	if err := r.lock(ctx, specs); err != nil {
		r.End()
		return nil, err
	}
	s := k.session.Snapshot()
	for _, spec := range specs {
		for _, part := range spec.parts() {
			key := sharedKey(part)
			if _, done := r.failed[key]; key == "" || done {
				continue
			}
			r.failed[key] = r.share(ctx, s, part)
		}
	}
	return r, nil
}

// lock takes the locks in the order in which a call takes its own.
func (r *Repair) lock(ctx context.Context, specs []Spec) error {
	var names []string
	for _, spec := range specs {
		names = append(names, spec.shared()...)
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		unlock, err := r.keeper.engine.Locks.Lock(ctx, name)
		if err != nil {
			return fmt.Errorf("lock %s: %w", name, err)
		}
		r.unlock = append(r.unlock, unlock)
	}
	return nil
}

// End gives the locks back.
func (r *Repair) End() {
	for _, unlock := range r.unlock {
		unlock()
	}
}

// sharedKey is the same for the same shared part; empty: it isn't shared.
func sharedKey(part vpp.Part) string {
	if _, ok := part.(vpp.Shared); !ok {
		return ""
	}
	if gateway, ok := part.(vpp.Gateway); ok {
		gateway.Own = 0
		part = gateway
	}
	return fmt.Sprintf("%T%+v", part, part)
}

func (r *Repair) share(ctx context.Context, s *vpp.Session, part vpp.Part) error {
	seen, err := part.Observe(ctx, s, nil, vpp.Existence)
	if err != nil {
		return err
	}
	return seen.Plan(vpp.Existence).Apply(ctx, s)
}

// Apply brings VPP to the specs, which are among those of Begin and whose
// attachments are locked by the caller. Before an endpoint is made where there is
// none, before is called with its number. The errors are by number; ErrRenew says
// that this way of repairing won't do.
func (r *Repair) Apply(ctx context.Context, specs []Spec, before func(i int) error) []error {
	s := r.keeper.session.Snapshot()
	failed := make([]error, len(specs))
	inParallel(len(specs), func(i int) {
		failed[i] = r.apply(ctx, s, specs[i], func() error { return before(i) })
	})
	return failed
}

func (r *Repair) apply(ctx context.Context, s *vpp.Session, spec Spec, before func() error) error {
	if err := s.Probe(ctx, spec.messages()...); err != nil {
		return err
	}
	iface, err := own(ctx, s, spec)
	if errors.Is(err, vpp.ErrIDTaken) {
		return fmt.Errorf("%w: %w", ErrRenew, err)
	}
	if err != nil {
		return err
	}
	plan, err := r.plan(ctx, s, spec, iface)
	if err == nil && iface == nil {
		err = before()
	}
	adjustments, others := plan.Split()
	if err == nil {
		err = others.Apply(ctx, s)
	}
	if err == nil {
		if err := adjustments.ApplyAll(ctx, s); err != nil { // the endpoint works without
			r.keeper.engine.Log.Debug("not adjusted", "interface", spec.Endpoint.Interface(), "err", err)
		}
	}
	if err != nil && iface == nil {
		err = errors.Join(err, r.undo(ctx, spec))
	}
	if errors.Is(err, vpp.ErrExists) || errors.Is(err, vpp.ErrIDTaken) {
		return fmt.Errorf("%w: %w", ErrRenew, err)
	}
	return err
}

// undoTimeout is for undoing what a repair couldn't finish in its own time.
const undoTimeout = 2 * time.Second

// undo removes what a failed repair has made: VPP takes a socket on which it
// couldn't listen for one on which it does.
func (r *Repair) undo(ctx context.Context, spec Spec) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTimeout)
	defer cancel()
	s := r.keeper.session.Anew()
	iface, err := own(ctx, s, spec)
	if err != nil && !errors.Is(err, vpp.ErrIDTaken) {
		return err
	}
	var plan vpp.Plan
	for _, part := range slices.Backward(spec.parts()) {
		if sharedKey(part) != "" {
			continue
		}
		seen, err := part.Observe(ctx, s, iface, vpp.Absence)
		if err != nil {
			return err
		}
		plan = append(plan, seen.Plan(vpp.Absence)...)
	}
	return plan.ApplyAll(ctx, s)
}

// plan leads to what of the spec isn't shared.
func (r *Repair) plan(ctx context.Context, s *vpp.Session, spec Spec, iface *vpp.Interface) (vpp.Plan, error) {
	var plan vpp.Plan
	for _, part := range spec.parts() {
		if key := sharedKey(part); key != "" {
			if err := r.failed[key]; err != nil {
				return nil, err
			}
			continue
		}
		seen, err := part.Observe(ctx, s, iface, vpp.Existence)
		if err != nil {
			return nil, err
		}
		if old, ok := seen.(interface{ MustRenew() bool }); ok && old.MustRenew() {
			return nil, fmt.Errorf("%w: %s", ErrRenew, cmp.Or(seen.Plan(vpp.Absence).String(), "it differs"))
		}
		plan = append(plan, seen.Plan(vpp.Existence)...)
	}
	return plan, nil
}
