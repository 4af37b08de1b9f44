package vppsim

import (
	"encoding/binary"
	"errors"
	"reflect"

	"go.fd.io/govpp/api"
	"go.fd.io/govpp/binapi/memclnt"
	"go.fd.io/govpp/codec"

	"github.com/userspace-cni/userspace-cni/pkg/vppsim/fault"
)

// requestHeader is id, client index and context.
const requestHeader = 10

// handler serves one request message. The first of messages is the request,
// the others are what may come back.
type handler struct {
	messages []api.Message
	serve    func(s *Sim, c *client, request api.Message, context uint32)
}

// ptr is a pointer to a message struct.
type ptr[T any] interface {
	*T
	api.Message
}

// call serves a request that has one reply. The error becomes its retval:
// api.VPPApiError as it is.
func call[PQ ptr[Q], PR ptr[R], Q, R any](f func(*Sim, PQ, PR) error) handler {
	return clientCall(func(s *Sim, _ *client, request PQ, reply PR) error { return f(s, request, reply) })
}

// clientCall is a call that also concerns the client: it subscribes to events.
func clientCall[PQ ptr[Q], PR ptr[R], Q, R any](f func(*Sim, *client, PQ, PR) error, events ...api.Message) handler {
	return handler{
		messages: append([]api.Message{PQ(new(Q)), PR(new(R))}, events...),
		serve: func(s *Sim, c *client, request api.Message, context uint32) {
			reply := PR(new(R))
			err := f(s, c, request.(PQ), reply)
			if s.ctx.Err() != nil {
				return // it died of this request
			}
			reflect.ValueOf(reply).Elem().FieldByName("Retval").SetInt(retval(err))
			c.send(reply, context)
		},
	}
}

// dump serves a request that is answered by any number of details.
func dump[PQ ptr[Q], PD ptr[D], Q, D any](f func(s *Sim, request PQ, send func(PD))) handler {
	return handler{
		messages: []api.Message{PQ(new(Q)), PD(new(D))},
		serve: func(s *Sim, c *client, request api.Message, context uint32) {
			f(s, request.(PQ), func(d PD) { c.send(d, context) })
		},
	}
}

func retval(err error) int64 {
	var code api.VPPApiError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &code):
		return int64(code)
	}
	return int64(api.UNSPECIFIED)
}

// receive handles one message. VPP logs and drops what it doesn't know.
func (s *Sim) receive(c *client, data []byte) {
	if len(data) < 2 {
		return
	}
	id := binary.BigEndian.Uint16(data)
	h, ok := s.table.handlers[id]
	if !ok || len(data) < requestHeader {
		s.handshake(c, id, data)
		return
	}
	request := reflect.New(reflect.TypeOf(h.messages[0]).Elem()).Interface().(api.Message)
	context := binary.BigEndian.Uint32(data[6:])
	if err := codec.DecodeMsg(data, request); err != nil {
		s.opts.Log.Warn("undecodable message", "name", request.GetMessageName(), "error", err)
		return
	}
	s.opts.Log.Debug("request", "name", request.GetMessageName(), "client", c.index)
	switch action, f := s.faults.Next(request.GetMessageName()); action {
	case fault.Refuse:
		if reply := fault.Refusal(request, f.Retval); reply != nil {
			c.send(reply, context)
		}
	case fault.Die:
		s.die("an injected fault")
	case fault.Pass:
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.ctx.Err() == nil {
			h.serve(s, c, request, context)
			s.flush()
		}
	}
}

// handshake serves the messages by which clients come and go.
func (s *Sim) handshake(c *client, id uint16, data []byte) {
	switch {
	case s.faults.Hung():
	case id == s.table.id(&memclnt.SockclntCreate{}) && len(data) >= 6:
		reply := &memclnt.SockclntCreateReply{
			Index: c.index, Count: uint16(len(s.table.names)), MessageTable: s.table.names,
		}
		c.send(reply, binary.BigEndian.Uint32(data[2:]))
	case id == s.table.id(&memclnt.SockclntDelete{}) && len(data) >= requestHeader:
		// VPP's answer to a client that it knows is 1, not 0.
		c.send(&memclnt.SockclntDeleteReply{Response: 1}, binary.BigEndian.Uint32(data[6:]))
		c.finish()
	default:
		s.opts.Log.Warn("unknown message", "id", id)
	}
}
