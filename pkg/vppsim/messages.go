package vppsim

import (
	interfaces "go.fd.io/govpp/binapi/interface"
	"go.fd.io/govpp/binapi/ping"
)

// handlers lists the messages that the simulator knows.
func handlers() []handler {
	return []handler{
		call((*Sim).controlPing),
		call((*Sim).showVersion),
		call((*Sim).cliInband),

		dump((*Sim).swInterfaceDump),
		call((*Sim).swInterfaceSetFlags),
		call((*Sim).swInterfaceTag),
		call((*Sim).swInterfaceSetMTU),
		call((*Sim).hwInterfaceSetMTU),
		call((*Sim).setMACAddress),
		call((*Sim).setRxMode),
		clientCall((*Sim).wantInterfaceEvents, &interfaces.SwInterfaceEvent{}),
		call((*Sim).createLoopback),
		call((*Sim).deleteLoopback),

		call((*Sim).memifSocketAddDel),
		dump((*Sim).memifSocketDump),
		call((*Sim).memifCreate),
		call((*Sim).memifDelete),
		dump((*Sim).memifDump),

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
		call((*Sim).tableAddDel),
		dump((*Sim).tableDump),
		call((*Sim).setTable),
		call((*Sim).getTable),
		call((*Sim).setUnnumbered),
		dump((*Sim).unnumberedDump),

		clientCall((*Sim).wantPing, &ping.PingFinishedEvent{}),
	}
}
