package vppsim

import (
	"go.fd.io/govpp/api"
	interfaces "go.fd.io/govpp/binapi/interface"
	"go.fd.io/govpp/binapi/memclnt"
	"go.fd.io/govpp/binapi/ping"
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

// handlers lists the messages that the simulator knows.
func handlers() []handler {
	return []handler{
		call((*Sim).controlPing),
		call((*Sim).showVersion),
		call((*Sim).cliInband),

		dump((*Sim).swInterfaceDump),
		call((*Sim).swInterfaceSetFlags),
		call((*Sim).swInterfaceTag),
		call((*Sim).setInterfaceName),
		call((*Sim).swInterfaceSetMTU),
		call((*Sim).hwInterfaceSetMTU),
		call((*Sim).setMACAddress),
		call((*Sim).setRxMode),
		dump((*Sim).rxPlacementDump),
		clientCall((*Sim).wantInterfaceEvents, &interfaces.SwInterfaceEvent{}),
		call((*Sim).createLoopback),
		call((*Sim).deleteLoopback),

		call((*Sim).memifSocketAddDel),
		dump((*Sim).memifSocketDump),
		call((*Sim).memifCreate),
		call((*Sim).memifDelete),
		dump((*Sim).memifDump),

		call((*Sim).vhostCreate),
		call((*Sim).vhostDelete),
		dump((*Sim).vhostDump),

		call((*Sim).bridgeAddDel),
		dump((*Sim).bridgeDump),
		call((*Sim).setL2Bridge),
		call((*Sim).createVLAN),
		call((*Sim).createSubif),
		call((*Sim).deleteSubif),
		call((*Sim).tagRewrite),

		call((*Sim).addDelAddress),
		dump((*Sim).addressDump),
		call((*Sim).ip6EnableDisable),
		call((*Sim).routeAddDel),
		dump((*Sim).routeDump),
		call((*Sim).routeLookup),
		call((*Sim).neighborAddDel),
		dump((*Sim).neighborDump),
		call((*Sim).tableAddDel),
		dump((*Sim).tableDump),
		call((*Sim).setTable),
		call((*Sim).getTable),
		call((*Sim).setUnnumbered),
		dump((*Sim).unnumberedDump),

		call((*Sim).sessionEnable),
		call((*Sim).sessionSocketAPI),
		call((*Sim).namespaceAddDelV4),
		call((*Sim).namespaceAddDelV3),
		call((*Sim).urpfUpdate),
		call((*Sim).urpfUpdateV2),
		dump((*Sim).urpfDump),

		clientCall((*Sim).wantPing, &ping.PingFinishedEvent{}),
	}
}
