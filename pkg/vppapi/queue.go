package vppapi

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// queue holds received messages until they are asked for. It has no bound: a
// reader that is slow must not lose replies, and must not keep the others on
// the connection waiting.
type queue struct {
	mu      sync.Mutex
	waiting []reply
	filled  chan struct{} // has room for one token: "look again"
}

func newQueue() *queue { return &queue{filled: make(chan struct{}, 1)} }

func (q *queue) put(r reply) {
	q.mu.Lock()
	q.waiting = append(q.waiting, r)
	q.mu.Unlock()
	select {
	case q.filled <- struct{}{}:
	default:
	}
}

func (q *queue) take() (reply, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) == 0 {
		return reply{}, false
	}
	r := q.waiting[0]
	q.waiting = q.waiting[1:]
	return r, true
}

// get waits for the next message. What arrived before the connection ended is
// still delivered.
func (q *queue) get(ctx context.Context, c *Conn) (reply, error) {
	for {
		if r, ok := q.take(); ok {
			return r, nil
		}
		select {
		case <-q.filled:
		case <-ctx.Done():
			c.stuck.Store(errors.Is(ctx.Err(), context.DeadlineExceeded))
			return reply{}, fmt.Errorf("%w: %w", ErrNoAnswer, context.Cause(ctx))
		case <-c.gone:
			if r, ok := q.take(); ok {
				return r, nil
			}
			return reply{}, c.goneWhy
		}
	}
}
