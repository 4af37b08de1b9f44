package netconf

import "github.com/userspace-cni/userspace-cni/pkg/internal/fields"

// Parse reads the configuration for ADD and CHECK. It is strict: either the
// result is valid and complete, or the error is an [Errors] with every fault
// in it.
//
// It knows nothing of CNI_ARGS: where they matter, [ParseFor] reads both.
func Parse(stdin []byte) (*NetConf, error) { return ParseFor(stdin, Args{}) }

// ParseFor is [Parse] for a pod of which CNI_ARGS say more: the MAC and the
// addresses that they ask for count where stdin asks for none.
func ParseFor(stdin []byte, args Args) (*NetConf, error) {
	r, c := newReader(), &NetConf{anyPod: args.AnyPod}
	topFields.Document(r.Reader, stdin, c)
	if !r.Faulty(document) {
		var asked requests
		requestsFields.Read(r.Reader, "", stdin, &asked)
		c.request(asked, args)
		r.finish(c)
	}
	if err := r.Err(); err != nil {
		return nil, err
	}
	c.Warnings = r.Warnings
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
// Host holds those of its values that are right, without defaults. The rest
// stays empty.
func ParseForDelete(stdin []byte) (*NetConf, error) {
	raw, err := fields.First(document, stdin)
	if err != nil {
		return nil, err
	}
	r, c := newReader(), &NetConf{}
	deleteFields.Read(r.Reader, "", raw, c)
	if c.Name == "" {
		return nil, Errors{{Field: "name", Value: fields.Shown("name", r.Given["name"]), Problem: "missing, or not a name", Allowed: networkName().Allowed}}
	}
	if bareVCLSocket(c) != nil {
		c.Host.VCL.SocketName = ""
	}
	c.completeSocket()
	return c, nil
}
