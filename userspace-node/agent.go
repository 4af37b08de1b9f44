package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/userspace-cni/userspace-cni/pkg/state"
	"github.com/userspace-cni/userspace-cni/userspace"
	"github.com/userspace-cni/userspace-cni/userspace-node/metrics"
	"github.com/userspace-cni/userspace-cni/userspace-node/pods"
)

// Config is what a person decides about an agent.
type Config struct {
	// APISocket is the node's VPP; those that records name are served too.
	APISocket string
	// StatsSocket is that VPP's stats segment; empty: stats.sock beside the API
	// socket, as for the other VPPs.
	StatsSocket string
	// Interval is how often everything is looked at.
	Interval time.Duration
	// Grace is how long something must have been unused before it is removed.
	Grace time.Duration
	// NoCollect leaves everything that is unused.
	NoCollect bool
	// Listen is the address of metrics and probes; empty: none.
	Listen string
	// Pods are the credentials for the API server, and the node's name there.
	Pods pods.Config
	Log  *slog.Logger
}

// agent is one that runs.
type agent struct {
	Config
	care    *userspace.Caretaker
	metrics *metrics.Metrics
	journal *state.JournalReader
	pods    *pods.Pods // nil: there is no API server to ask

	unused map[string]time.Time // since when, by what it is

	mu        sync.Mutex // guards what follows
	vswitches map[userspace.Vswitch]*vswitch
	orphans   int
	damaged   int
	seen      time.Time // when the last look at everything ended
}

// Run keeps the node until the context ends.
func Run(ctx context.Context, plugin *userspace.Plugin, c Config) error {
	a := &agent{
		Config: c, care: plugin.Caretaker(c.Log, c.APISocket), journal: plugin.Journal.Tail(),
		unused: map[string]time.Time{}, vswitches: map[userspace.Vswitch]*vswitch{}, seen: time.Now(),
	}
	a.metrics = metrics.New(a.view)
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var err error
	if a.pods, err = watchPods(ctx, c); err != nil {
		return err
	}
	served := make(chan error, 1)
	go func() { served <- a.serve(ctx) }()
	var all sync.WaitGroup
	all.Go(func() { a.watch(ctx, &all) })
	select {
	case err = <-served: // it can't listen there
	case <-ctx.Done():
		err = nil
	}
	stop()
	all.Wait()
	if a.pods != nil {
		a.pods.Wait()
	}
	return err
}

// watchPods returns nil where there is no API server to ask.
func watchPods(ctx context.Context, c Config) (*pods.Pods, error) {
	if c.Pods.Node == "" && c.Pods.Kubeconfig == "" {
		c.Log.Info("no name of this node, so no API server is asked: whether a pod is there, its network namespace tells")
		return nil, nil
	}
	p, err := pods.Watch(ctx, c.Pods, c.Log)
	if errors.Is(err, pods.ErrNoCredentials) {
		c.Log.Info("no API server is asked: whether a pod is there, its network namespace tells", "reason", err)
		return nil, nil
	}
	return p, err
}

func (a *agent) serve(ctx context.Context) error {
	if a.Listen == "" {
		<-ctx.Done()
		return nil
	}
	return metrics.Serve(ctx, a.Listen, map[string]http.Handler{
		"/metrics": a.metrics.Handler(), "/healthz": metrics.Check(a.healthy), "/readyz": metrics.Check(a.ready),
	}, a.Log)
}

// watch looks at everything, again and again.
func (a *agent) watch(ctx context.Context, all *sync.WaitGroup) {
	ticker := time.NewTicker(a.Interval)
	defer ticker.Stop()
	for {
		records, failed := a.care.Records()
		for _, v := range a.serveVswitches(ctx, a.care.Vswitches(records)) {
			all.Go(v.attend)
		}
		a.reportDamaged(failed)
		a.collect(ctx)
		a.count()
		a.mu.Lock()
		a.seen = time.Now()
		a.mu.Unlock()
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// serveVswitches returns those that nobody has attended yet, and leaves those on
// which there is nothing any more.
func (a *agent) serveVswitches(ctx context.Context, there []userspace.Vswitch) (added []*vswitch) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for where, v := range a.vswitches {
		if !slices.Contains(there, where) {
			v.leave()
			delete(a.vswitches, where)
		}
	}
	for _, where := range there {
		if _, known := a.vswitches[where]; !known {
			v := newVswitch(ctx, a, where)
			a.vswitches[where] = v
			added = append(added, v)
		}
	}
	return added
}

func (a *agent) reportDamaged(failed []error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(failed) != a.damaged {
		a.Log.Warn("records that can't be read are left alone; a DEL of their pods removes them", "count", len(failed), "err", errors.Join(failed...))
	}
	a.damaged = len(failed)
}

// count adds what calls have noted to the metrics.
func (a *agent) count() {
	calls, err := a.journal.Next()
	if err != nil {
		a.Log.Warn("what the plugin noted of its calls can't be read", "err", err)
	}
	for _, c := range calls {
		a.metrics.Call(c.Verb, c.Kind, c.Code, c.Took)
	}
}

// patience is how many intervals a look at everything may take.
const patience = 5

func (a *agent) healthy() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if since := time.Since(a.seen); since > patience*a.Interval+time.Minute {
		return fmt.Errorf("the last look at this node ended %s ago", since.Round(time.Second))
	}
	return nil
}

// ready tells whether every vswitch is there and its endpoints have been looked at.
// One that a pod keeps from being repaired doesn't count: no other node would be
// better off.
func (a *agent) ready() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	var failed []error
	for _, v := range a.vswitches {
		failed = append(failed, v.ready())
	}
	return errors.Join(failed...)
}
