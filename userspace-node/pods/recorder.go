package pods

import (
	"context"
	"encoding/json"
	"log/slog"
	"sync/atomic"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"
)

// Reasons of the events on pods.
const (
	ReasonLost        = "EndpointLost"
	ReasonRestored    = "EndpointRestored"
	ReasonNotRestored = "EndpointNotRestored"
)

// Types of the events on pods.
const (
	Normal  = "Normal"
	Warning = "Warning"
)

const (
	// queueLength holds what a node's pods have to say when all are hit at once.
	queueLength = 1024
	// maxSeries bounds the memory for what was said of late.
	maxSeries = 4096
	// postTimeout is one request's.
	postTimeout = 10 * time.Second
)

// pace is how often requests are made: events of a pod for the same reason, and
// what is tried again.
type pace struct {
	// gather is the pause before the first: a pod's endpoints are often hit
	// together, and share it.
	gather time.Duration
	// first is the time between two; it doubles up to most while they go on.
	first, most time.Duration
	// retry is for a list or watch that fails; nil: as client-go does it, from
	// one second to one minute.
	retry *wait.Backoff
}

var defaultPace = pace{gather: time.Second, first: time.Minute, most: 10 * time.Minute}

// recorder posts events. It doesn't use client-go's, which also brings the types
// of all core objects, needs the permission to patch, and logs each try.
type recorder struct {
	client *rest.RESTClient
	node   string
	log    *slog.Logger
	pace   pace
	queue  chan notice
	series map[topic]*series
	// losing says that events are being dropped, and that this was logged.
	losing atomic.Bool
}

// topic is what events are counted under.
type topic struct {
	ref    Ref
	reason string
}

// notice is one call of Event.
type notice struct {
	topic
	kind, message string
	at            time.Time
}

func newRecorder(client *rest.RESTClient, node string, log *slog.Logger, pace pace) *recorder {
	return &recorder{
		client: client, node: node, log: log, pace: pace,
		queue: make(chan notice, queueLength), series: map[topic]*series{},
	}
}

// Event tells people what became of a pod's endpoint, by a Kubernetes event on
// the pod; typ is Normal or Warning. It doesn't wait. Events of the same pod and
// reason within a short time, and those of an endpoint that comes and goes, are
// put together, with their number; the last one always arrives. While the API
// server doesn't take them they are dropped.
func (p *Pods) Event(ref Ref, typ, reason, message string) {
	select {
	case p.recorder.queue <- notice{topic{ref, reason}, typ, message, time.Now()}:
	default:
		p.recorder.lose("the queue is full: the API server takes events too slowly")
	}
}

func (r *recorder) run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		// One at a time: the queue must be emptied while the API server is slow.
		timer.Reset(time.Until(r.next()))
		select {
		case <-ctx.Done():
			return
		case n := <-r.queue:
			r.take(n)
		case <-timer.C:
			r.post(ctx)
		}
	}
}

// next is when there is something to do.
func (r *recorder) next() time.Time {
	_, s := r.earliest()
	if s == nil {
		return time.Now().Add(time.Hour)
	}
	return s.due
}

func (r *recorder) earliest() (topic, *series) {
	var about topic
	var first *series
	for t, s := range r.series {
		if first == nil || s.due.Before(first.due) {
			about, first = t, s
		}
	}
	return about, first
}

func (r *recorder) take(n notice) {
	s := r.series[n.topic]
	if s == nil {
		if len(r.series) >= maxSeries {
			r.lose("too many of them")
			return
		}
		s = &series{due: time.Now().Add(r.pace.gather), interval: r.pace.first}
		r.series[n.topic] = s
	}
	s.add(n)
}

// post sends what is due of the earliest series, or ends it where there was
// nothing new for its whole interval.
func (r *recorder) post(ctx context.Context) {
	about, s := r.earliest()
	if s == nil || time.Until(s.due) > 0 {
		return
	}
	if s.count == 0 {
		delete(r.series, about)
		return
	}
	err := r.send(ctx, s.event(about, r.node))
	s.restart(r.pace.most)
	switch {
	case err == nil:
		if r.losing.Swap(false) {
			r.log.Info("the API server takes events again")
		}
	case ctx.Err() != nil || namespaceGone(err):
	default:
		r.lose(err.Error())
	}
}

func (r *recorder) send(ctx context.Context, e event) error {
	ctx, cancel := context.WithTimeout(ctx, postTimeout)
	defer cancel()
	body, err := json.Marshal(e)
	if err != nil {
		return err
	}
	return r.client.Post().Namespace(e.Metadata.Namespace).Resource("events").
		SetHeader("Content-Type", "application/json").Body(body).Do(ctx).Error()
}

// lose logs why events are dropped, once.
func (r *recorder) lose(why string) {
	if !r.losing.Swap(true) {
		r.log.Warn("events on pods are dropped", "verb", "create", "resource", "events", "err", why)
	}
}

// namespaceGone tells whether there is nobody left to read the event.
func namespaceGone(err error) bool {
	return apierrors.IsNotFound(err) || apierrors.HasStatusCause(err, metav1.CauseType("NamespaceTerminating"))
}
