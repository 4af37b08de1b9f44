package vppapi

import (
	"context"
	"fmt"
	"net"
	"reflect"

	"go.fd.io/govpp/api"
)

// Invoke sends a request and waits for its one reply. The reply's retval is the
// caller's to look at, as the generated service clients do.
func (c *Conn) Invoke(ctx context.Context, req, rep api.Message) error {
	context, q := c.open()
	defer c.forget(context)
	if err := c.send(ctx, req, context); err != nil {
		return fmt.Errorf("%s: %w", req.GetMessageName(), err)
	}
	r, err := q.get(ctx, c)
	if err != nil {
		return fmt.Errorf("%s: %w", req.GetMessageName(), err)
	}
	if want, err := c.table.id(rep); err != nil || r.id != want {
		return fmt.Errorf("%s: answered with message id %d instead of %s", req.GetMessageName(), r.id, rep.GetMessageName())
	}
	return r.decode(rep)
}

// NewStream opens a conversation whose replies are read one by one, as dumps
// need. It ends with the context. Options are govpp's and have no meaning here.
func (c *Conn) NewStream(ctx context.Context, _ ...api.StreamOption) (api.Stream, error) {
	number, q := c.open()
	s := &stream{conn: c, ctx: ctx, context: number, queue: q}
	// The generated clients close a stream at the dump's end, not when it fails.
	s.stop = context.AfterFunc(ctx, func() { c.forget(number) })
	return s, nil
}

type stream struct {
	conn    *Conn
	ctx     context.Context
	context uint32
	queue   *queue
	stop    func() bool
	closed  bool
}

func (s *stream) Context() context.Context { return s.ctx }

func (s *stream) SendMsg(msg api.Message) error {
	if s.closed {
		return net.ErrClosed
	}
	if err := s.conn.send(s.ctx, msg, s.context); err != nil {
		return fmt.Errorf("%s: %w", msg.GetMessageName(), err)
	}
	return nil
}

func (s *stream) RecvMsg() (api.Message, error) {
	if s.closed {
		return nil, net.ErrClosed
	}
	r, err := s.queue.get(s.ctx, s.conn)
	if err != nil {
		return nil, err
	}
	return s.conn.decode(r)
}

func (s *stream) Close() error {
	s.closed = true
	s.stop()
	s.conn.forget(s.context)
	return nil
}

// decode makes a message of the type that is registered for the reply's id.
func (c *Conn) decode(r reply) (api.Message, error) {
	t, ok := c.types()[r.id]
	if !ok {
		return nil, fmt.Errorf("reply with unknown message id %d", r.id)
	}
	msg := reflect.New(t).Interface().(api.Message)
	return msg, r.decode(msg)
}
