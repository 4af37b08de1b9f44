package pods

import (
	"context"
	"errors"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/tools/cache"
)

// answerTimeout is how long the API server may take for a list, or to begin a
// watch; client-go itself would wait for ever.
const answerTimeout = 30 * time.Second

// noWatchList makes the reflector list by a list: one node's pods are few, every
// version of the API server does it, and client-go's other way sleeps through
// the end of the context between two tries.
type noWatchList struct{}

func (noWatchList) IsWatchListSemanticsUnSupported() bool { return true }

// source is where the reflector gets the node's pods from. It notes what became
// of the requests.
type source struct {
	pods      metadata.Getter
	selector  string
	knowledge *knowledge
	reach     *reach
	running   *sync.WaitGroup
}

func (s *source) listWatch() *cache.ListWatch {
	return &cache.ListWatch{ListWithContextFunc: s.list, WatchFuncWithContext: s.watch}
}

func (s *source) list(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
	list, err := s.fetch(ctx, options)
	if err != nil {
		s.reach.lost(ctx, "list", err)
		return nil, err
	}
	return list, nil
}

func (s *source) fetch(ctx context.Context, options metav1.ListOptions) (*metav1.PartialObjectMetadataList, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	options.FieldSelector = s.selector
	return s.pods.List(ctx, options)
}

// errNoStream stands for client-go's empty watch, which hides an error.
var errNoStream = errors.New("the connection was lost")

func (s *source) watch(outer context.Context, options metav1.ListOptions) (watch.Interface, error) {
	ctx, cancel := context.WithCancel(outer)
	timer := time.AfterFunc(answerTimeout, cancel)
	options.FieldSelector = s.selector
	inner, err := s.pods.Watch(ctx, options)
	timer.Stop()
	w := &stream{inner: inner, cancel: cancel, out: make(chan watch.Event, 1), stopped: make(chan struct{})}
	if err == nil {
		err = w.open()
	}
	if err != nil {
		cancel()
		s.reach.lost(outer, "watch", err)
		return nil, err
	}
	s.knowledge.began(w)
	s.reach.back()
	s.running.Go(func() {
		w.pass()
		s.knowledge.ended(w)
		close(w.out)
	})
	return w, nil
}

// stream is a watch whose end is noted.
type stream struct {
	inner   watch.Interface
	cancel  context.CancelFunc
	out     chan watch.Event
	stop    sync.Once
	stopped chan struct{}
}

var _ watch.Interface = (*stream)(nil)

// open refuses a watch that has ended before it began.
func (w *stream) open() error {
	select {
	case event, ok := <-w.inner.ResultChan():
		if !ok {
			return errNoStream
		}
		w.out <- event
	default:
	}
	return nil
}

func (w *stream) pass() {
	defer w.Stop()
	for event := range w.inner.ResultChan() {
		select {
		case w.out <- event:
		case <-w.stopped:
			return
		}
	}
}

// ResultChan is closed when the watch has ended.
func (w *stream) ResultChan() <-chan watch.Event { return w.out }

// Stop ends the watch.
func (w *stream) Stop() {
	w.stop.Do(func() {
		close(w.stopped)
		w.inner.Stop()
		w.cancel()
	})
}
