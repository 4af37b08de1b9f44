package vppapi

import (
	"context"
	"slices"

	"go.fd.io/govpp/api"
)

// WatchEvent delivers the events of one type until the watcher is closed, its
// context ends or the connection does; then the channel is closed. The request
// that makes VPP send the events is the caller's.
func (c *Conn) WatchEvent(ctx context.Context, event api.Message) (api.Watcher, error) {
	id, err := c.table.id(event)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	w := &watcher{cancel: cancel, queue: newQueue(), events: make(chan api.Message)}
	c.mu.Lock()
	c.watchers[id] = append(c.watchers[id], w)
	c.mu.Unlock()
	go func() {
		defer close(w.events)
		defer c.unwatch(id, w)
		defer cancel()
		w.run(ctx, c)
	}()
	return w, nil
}

type watcher struct {
	cancel context.CancelFunc
	queue  *queue
	events chan api.Message
}

func (w *watcher) Events() <-chan api.Message { return w.events }

func (w *watcher) Close() { w.cancel() }

func (w *watcher) run(ctx context.Context, c *Conn) {
	for {
		r, err := w.queue.get(ctx, c)
		if err != nil {
			return
		}
		msg, err := c.decode(r)
		if err != nil {
			continue // not ours to report: the event's layout was checked when it was subscribed
		}
		select {
		case w.events <- msg:
		case <-ctx.Done():
			return
		case <-c.gone: // nobody may be reading
			return
		}
	}
}

func (c *Conn) unwatch(id uint16, w *watcher) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.watchers[id] = slices.DeleteFunc(c.watchers[id], func(x *watcher) bool { return x == w })
}
