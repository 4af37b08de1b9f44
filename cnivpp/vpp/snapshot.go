package vpp

import (
	"context"
	"sync"
)

// snapshot is what a session has seen of VPP by dumps of everything, each made
// at most once: it serves thousands of endpoints, where asking for each would be
// thousands of dumps. What is changed over the session meanwhile isn't in it.
type snapshot struct {
	mu   sync.Mutex // guards seen
	seen map[string]*look
}

// look is one dump, under way or done.
type look struct {
	once   sync.Once
	result any
	err    error
}

// Snapshot is a session over the same connection that looks at everything once,
// when it is first needed, and goes by that. It needs no Close.
func (s *Session) Snapshot() *Session {
	return &Session{conn: s.conn, indexes: map[string]Index{}, snapshot: &snapshot{seen: map[string]*look{}}}
}

// Anew is a session over the same connection that knows nothing yet. It needs no
// Close.
func (s *Session) Anew() *Session { return &Session{conn: s.conn, indexes: map[string]Index{}} }

// Once returns what a function finds, which in a snapshot is asked once for each
// name.
func Once[T any](ctx context.Context, s *Session, name string, find func(context.Context, *Session) (T, error)) (T, error) {
	if s.snapshot == nil {
		return find(ctx, s)
	}
	s.snapshot.mu.Lock()
	l, ok := s.snapshot.seen[name]
	if !ok {
		l = new(look)
		s.snapshot.seen[name] = l
	}
	s.snapshot.mu.Unlock()
	l.once.Do(func() { l.result, l.err = find(ctx, s) })
	result, _ := l.result.(T) // the zero value with an error
	return result, l.err
}
