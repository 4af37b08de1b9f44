package netconf

import (
	"bytes"
	"cmp"
	"encoding/json"
)

// Parse reads the configuration for ADD and CHECK. It is strict: either the
// result is valid and complete, or the error is an [Errors] with every fault
// in it.
func Parse(stdin []byte) (*NetConf, error) {
	if e := syntaxError(stdin); e != nil {
		return nil, Errors{e}
	}
	r, c := newReader(), &NetConf{}
	raw := json.RawMessage(bytes.TrimSpace(stdin))
	if _, ok := members(raw); !ok {
		return nil, notAnObject(raw)
	}
	topFields.read(r, "", raw, c)
	r.finish(c)
	if len(r.faults) > 0 {
		return nil, r.faults
	}
	c.Warnings = r.warnings
	return c, nil
}

// finish checks what concerns more than one field, and completes the
// configuration.
func (r *reader) finish(c *NetConf) {
	r.require(c)
	c.completeHost()
	r.fit(c, agreements)
	c.deriveContainer()
	r.fit(c, ringAgreements)
	r.remark(c)
	c.dropUnused()
}

// ParseForDelete reads what DEL needs, and nothing keeps it from doing so: DEL
// has to go on with a configuration that no longer validates. Only JSON that
// isn't an object, and a missing name, are errors (a name outside CNI's
// alphabet counts as missing: no runtime lets it get this far).
//
// It fills CNIVersion (unchecked), Name, IPAM.Type, SharedDir, LogFile,
// LogLevel and VPPAPISocket; a value that ADD would refuse counts as left out.
// Host holds those of its values that are right, without defaults. Container
// and Warnings stay empty.
func ParseForDelete(stdin []byte) (*NetConf, error) {
	var raw json.RawMessage
	if err := json.NewDecoder(bytes.NewReader(stdin)).Decode(&raw); err != nil {
		return nil, Errors{cmp.Or(syntaxError(stdin), &Error{Field: "network configuration", Problem: err.Error()})}
	}
	if _, ok := members(raw); !ok {
		return nil, notAnObject(raw)
	}
	r, c := newReader(), &NetConf{}
	deleteFields.read(r, "", raw, c)
	if c.Name == "" {
		return nil, Errors{{Field: "name", Value: shown("name", r.given["name"]), Problem: "missing, or not a name", Allowed: networkName().allowed}}
	}
	c.VPPAPISocket = cmp.Or(c.VPPAPISocket, DefaultVPPAPISocket)
	return c, nil
}

func notAnObject(raw json.RawMessage) error {
	return Errors{{Field: "network configuration", Value: shown("", raw), Problem: "is not allowed", Allowed: "an object"}}
}
