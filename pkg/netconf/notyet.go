package netconf

import (
	"path"
	"strings"
)

// limit takes a value back that a field's rule allows.
type limit struct {
	field   string // path.Match pattern for the field's path
	value   string // path.Match pattern for the value
	why     string // for people; may be empty
	allowed string // replaces the rule's text; only for fields without a vocabulary
	forever bool   // no release will take the value
}

// limits is everything that is known and refused. To support something, write
// the code for it and delete its line.
var limits = []limit{
	{field: "*.engine", value: EngineOVS},
	{field: "*.engine", value: EngineOVSDPDK},
	{field: "*.iftype", value: IfTypeVhostUser},
	{field: "*.iftype", value: IfTypeVCL},
	{field: "*.iftype", value: IfTypeTap},
	{field: "*.iftype", value: IfTypeAFPacket},
	{field: "*.iftype", value: IfTypeVeth},
	{field: "host.netType", value: NetTypeInterface},
	{field: "host.netType", value: NetTypeNone},
	{field: "container.netType", value: NetTypeBridge},
	{field: "host.memif.role", value: RoleSlave, why: "a slave on the host connects blockingly in VPP's main thread;" +
		" the node's administrator will have to allow it"},
	{field: "host.bridge.bridgeName", value: "*[^0-9]*", allowed: "a number from 1 to 16777215 as a string"},
	{field: "host.bridge.vlanId", value: "[^0]*", allowed: "0, or left out"},
	{field: "*.memif.mode", value: ModeInjectPunt, why: "it crashes VPP", forever: true},
}

// fieldsNotYet are fields that don't exist yet and will.
var fieldsNotYet = []string{
	"*.vcl",
	"*.memif.socketType",
	"host.vrf",
	"host.bridge.uplink",
}

// limitOn finds what speaks against value at field; nil when nothing does.
func limitOn(field, value string) *limit {
	for i, l := range limits {
		if matches(l.field, field) && matches(l.value, value) {
			return &limits[i]
		}
	}
	return nil
}

// narrowed is what people are told is allowed at field.
func narrowed(field, allowed string) string {
	for _, l := range limits {
		if l.allowed != "" && matches(l.field, field) {
			return l.allowed
		}
	}
	return allowed
}

func fieldNotYet(field string) bool {
	for _, f := range fieldsNotYet {
		if matches(strings.ToLower(f), strings.ToLower(field)) {
			return true
		}
	}
	return false
}

func (l *limit) problem() string {
	p := "is not supported yet"
	if l.forever {
		p = "is refused"
	}
	if l.why == "" {
		return p
	}
	return p + " (" + l.why + ")"
}

func (l *limit) err() error {
	if l.forever {
		return nil
	}
	return ErrUnsupported
}

func matches(pattern, s string) bool {
	ok, err := path.Match(pattern, s)
	return ok && err == nil
}
