package vppsim

import (
	"go.fd.io/govpp/api"
	"go.fd.io/govpp/binapi/memclnt"
)

// Message ids. Clients know the first one by heart and learn all others from
// its reply; VPP's are elsewhere in every build.
const (
	sockclntCreateID = 15
	firstID          = 100
)

// table maps messages to their numeric ids and requests to their handlers.
type table struct {
	ids      map[string]uint16
	names    []memclnt.MessageTableEntry
	handlers map[uint16]handler
}

func key(m api.Message) string { return m.GetMessageName() + "_" + m.GetCrcString() }

func newTable() table {
	t := table{ids: map[string]uint16{}, handlers: map[uint16]handler{}}
	t.add(&memclnt.SockclntCreate{}, sockclntCreateID)
	t.add(&memclnt.SockclntCreateReply{}, sockclntCreateID+1)
	// govpp 0.13.0 takes the last name that begins with sockclnt_delete_ for the
	// request's, and waits for nothing at disconnect when that is the reply's.
	t.add(&memclnt.SockclntDeleteReply{}, sockclntCreateID+3)
	t.add(&memclnt.SockclntDelete{}, sockclntCreateID+2)
	next := uint16(firstID)
	for _, h := range handlers() {
		t.handlers[next] = h
		for _, m := range h.messages {
			t.add(m, next)
			next++
		}
	}
	return t
}

func (t *table) add(m api.Message, id uint16) {
	if _, known := t.ids[key(m)]; known {
		return // an event that two requests share
	}
	t.ids[key(m)] = id
	t.names = append(t.names, memclnt.MessageTableEntry{Index: id, Name: key(m)})
}

func (t *table) id(m api.Message) uint16 { return t.ids[key(m)] }
