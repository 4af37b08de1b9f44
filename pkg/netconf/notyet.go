package netconf

import "github.com/userspace-cni/userspace-cni/pkg/internal/fields"

const atHost = "it is said at the host's side"

// limits is everything that is known and refused. To support something, write
// the code for it and delete its line.
var limits = []fields.Limit{
	{Field: "*.engine", Value: EngineOVS},
	{Field: "*.engine", Value: EngineOVSDPDK},
	{Field: "*.iftype", Value: IfTypeTap},
	{Field: "*.iftype", Value: IfTypeAFPacket},
	{Field: "*.iftype", Value: IfTypeVeth},
	{Field: "*.memif.mode", Value: ModeInjectPunt, Why: "it crashes VPP", Forever: true},
	{Field: "container.vrf", Why: "tables are the host's", Allowed: "left out", Forever: true},
	{Field: "container.rxMode", Why: "it is the host's", Allowed: "left out", Forever: true},
	{Field: "container.memif.socketOwner", Why: atHost, Allowed: "left out", Forever: true},
	{Field: "container.memif.socketGroup", Why: atHost, Allowed: "left out", Forever: true},
	{Field: "container.memif.socketMode", Why: atHost, Allowed: "left out", Forever: true},
	{Field: "container.vhost.socketOwner", Why: atHost, Allowed: "left out", Forever: true},
	{Field: "container.vhost.socketMode", Why: atHost, Allowed: "left out", Forever: true},
	{Field: "container.antiSpoof", Why: "it is the host's", Allowed: "left out", Forever: true},
	{Field: "container.vcl.default", Why: atHost, Allowed: "left out", Forever: true},
	{Field: "container.vcl.cutThrough", Why: atHost, Allowed: "left out", Forever: true},
	{Field: "container.vcl.socketName", Why: atHost, Allowed: "left out", Forever: true},
	{Field: "container.vcl.socketType", Why: atHost, Allowed: "left out", Forever: true},
	{Field: "container.vcl.socketOwner", Why: atHost, Allowed: "left out", Forever: true},
	{Field: "container.vcl.socketGroup", Why: atHost, Allowed: "left out", Forever: true},
	{Field: "container.vcl.socketMode", Why: atHost, Allowed: "left out", Forever: true},
	{Field: "container.bridge.uplink", Why: "an uplink is the host's", Allowed: "left out", Forever: true},
}
