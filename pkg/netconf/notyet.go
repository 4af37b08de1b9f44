package netconf

import "github.com/userspace-cni/userspace-cni/pkg/internal/fields"

// limits is everything that is known and refused. To support something, write
// the code for it and delete its line.
var limits = []fields.Limit{
	{Field: "*.engine", Value: EngineOVS},
	{Field: "*.engine", Value: EngineOVSDPDK},
	{Field: "*.iftype", Value: IfTypeVhostUser},
	{Field: "*.iftype", Value: IfTypeVCL},
	{Field: "*.iftype", Value: IfTypeTap},
	{Field: "*.iftype", Value: IfTypeAFPacket},
	{Field: "*.iftype", Value: IfTypeVeth},
	{Field: "host.netType", Value: NetTypeInterface},
	{Field: "host.netType", Value: NetTypeNone},
	{Field: "container.netType", Value: NetTypeBridge},
	{Field: "host.memif.role", Value: RoleSlave, Why: "a slave on the host connects blockingly in VPP's main thread;" +
		" the node's administrator will have to allow it"},
	{Field: "host.bridge.bridgeName", Value: "*[^0-9]*", Allowed: "a number from 1 to 16777215 as a string"},
	{Field: "host.bridge.vlanId", Value: "[^0]*", Allowed: "0, or left out"},
	{Field: "*.memif.mode", Value: ModeInjectPunt, Why: "it crashes VPP", Forever: true},
}

// fieldsNotYet are fields that don't exist yet and will.
var fieldsNotYet = []string{
	"*.vcl",
	"*.memif.socketType",
	"host.vrf",
	"host.bridge.uplink",
}
