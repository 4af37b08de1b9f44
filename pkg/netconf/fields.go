package netconf

import "github.com/containernetworking/cni/pkg/types"

// The tables below are every field there is. A test holds them against the
// JSON tags of side.go.

// maxUnixPath is what fits into sun_path (unix(7)), without its NUL.
const maxUnixPath = 107

// maxPath is Linux's PATH_MAX without its NUL.
const maxPath = 4095

var topFields = object[NetConf]{unknown: warnUnknown, fields: []field[NetConf]{
	text("cniVersion", func(c *NetConf) *string { return &c.CNIVersion }, oneOf(cniVersions)),
	nameField,
	text("type", func(c *NetConf) *string { return &c.Type }, anyText()),
	ipamField,
	nested("dns", func(c *NetConf) *types.DNS { return &c.DNS }, dnsFields),
	text("kubeconfig", func(c *NetConf) *string { return &c.KubeConfig }, noNUL()),
	sharedDirField,
	logFileField,
	logLevelField,
	vppAPISocketField,
	hostField,
	nested("container", func(c *NetConf) *Side { return &c.Container }, sideFields),
}}

// deleteFields is what DEL reads, as far as it can be read. A cniVersion is
// kept whatever it is.
var deleteFields = object[NetConf]{unknown: ignoreUnknown, fields: []field[NetConf]{
	text("cniVersion", func(c *NetConf) *string { return &c.CNIVersion }, anyText()),
	nameField,
	ipamField,
	sharedDirField,
	logFileField,
	logLevelField,
	vppAPISocketField,
	hostField,
}}

var (
	nameField         = text("name", func(c *NetConf) *string { return &c.Name }, networkName())
	ipamField         = nested("ipam", func(c *NetConf) *IPAM { return &c.IPAM }, ipamFields)
	sharedDirField    = text("sharedDir", func(c *NetConf) *string { return &c.SharedDir }, absolutePath(maxPath))
	logFileField      = text("logFile", func(c *NetConf) *string { return &c.LogFile }, noNUL())
	logLevelField     = rewritten("logLevel", func(c *NetConf) *string { return &c.LogLevel }, oneOfAnyCase(logLevels), lower)
	vppAPISocketField = text("vppApiSocket", func(c *NetConf) *string { return &c.VPPAPISocket }, absolutePath(maxUnixPath))
	hostField         = nested("host", func(c *NetConf) *Side { return &c.Host }, sideFields)
)

var ipamFields = object[IPAM]{unknown: ignoreUnknown, fields: []field[IPAM]{
	text("type", func(i *IPAM) *string { return &i.Type }, pluginName()),
}}

var dnsFields = object[types.DNS]{unknown: ignoreUnknown, fields: []field[types.DNS]{
	list("nameservers", "a list of strings", func(d *types.DNS) *[]string { return &d.Nameservers }, text("", self[string], anyText())),
	text("domain", func(d *types.DNS) *string { return &d.Domain }, anyText()),
	list("search", "a list of strings", func(d *types.DNS) *[]string { return &d.Search }, text("", self[string], anyText())),
	list("options", "a list of strings", func(d *types.DNS) *[]string { return &d.Options }, text("", self[string], anyText())),
}}

// mtu: the limits of an Ethernet frame in VPP (vnet/ethernet/ethernet.h).
var sideFields = object[Side]{unknown: refuseUnknown, fields: []field[Side]{
	text("engine", func(s *Side) *string { return &s.Engine }, oneOf(engines)),
	text("iftype", func(s *Side) *string { return &s.IfType }, oneOf(ifTypes)),
	text("netType", func(s *Side) *string { return &s.NetType }, oneOf(netTypes)),
	number("mtu", func(s *Side) *int { return &s.MTU }, between(64, 9216, " bytes")),
	rewritten("mac", func(s *Side) *string { return &s.MAC }, macAddress(), canonicalMAC),
	block("memif", func(s *Side) **Memif { return &s.Memif }, memifFields),
	block("vhost", func(s *Side) **Vhost { return &s.Vhost }, vhostFields),
	block("bridge", func(s *Side) **Bridge { return &s.Bridge }, bridgeFields),
}}

// ringSize: VPP negotiates at most 2^14 but lays its own rings out in the size
// it was given (MEMIF_MAX_LOG2_RING_SIZE in plugins/memif/private.h,
// memif_init_regions_and_queues in memif.c), and a zero-copy slave refills in
// groups of eight, so that a smaller ring never receives (memif/node.c).
var memifFields = object[Memif]{unknown: refuseUnknown, fields: []field[Memif]{
	text("role", func(m *Memif) *string { return &m.Role }, oneOf(roles)),
	text("mode", func(m *Memif) *string { return &m.Mode }, memifMode()),
	text("socketfile", func(m *Memif) *string { return &m.SocketFile }, socketFile()),
	number("ringSize", func(m *Memif) *uint32 { return &m.RingSize }, powerOfTwo(8, 16384)),
	number("bufferSize", func(m *Memif) *uint16 { return &m.BufferSize }, between(64, 65535, " bytes")),
	number("rxQueues", func(m *Memif) *uint8 { return &m.RxQueues }, between(1, 255, "")),
	number("txQueues", func(m *Memif) *uint8 { return &m.TxQueues }, between(1, 255, "")),
	text("secret", func(m *Memif) *string { return &m.Secret }, secret()),
	boolean("noZeroCopy", func(m *Memif) *bool { return &m.NoZeroCopy }),
	boolean("useDma", func(m *Memif) *bool { return &m.UseDMA }),
}}

var vhostFields = object[Vhost]{unknown: refuseUnknown, fields: []field[Vhost]{
	text("mode", func(v *Vhost) *string { return &v.Mode }, oneOf(vhostModes)),
	text("group", func(v *Vhost) *string { return &v.Group }, groupName()),
	text("socketfile", func(v *Vhost) *string { return &v.SocketFile }, socketFile()),
	boolean("enableGso", func(v *Vhost) *bool { return &v.EnableGSO }),
	boolean("enablePacked", func(v *Vhost) *bool { return &v.EnablePacked }),
	boolean("enableEventIdx", func(v *Vhost) *bool { return &v.EnableEventIdx }),
	number("ingressPolicingRate", func(v *Vhost) *int { return &v.IngressPolicingRate }, between(1, 1<<32-1, " kbit/s")),
	number("ingressPolicingBurst", func(v *Vhost) *int { return &v.IngressPolicingBurst }, between(1, 1<<32-1, " kbit")),
}}

var bridgeFields = object[Bridge]{unknown: refuseUnknown, fields: []field[Bridge]{
	text("bridgeName", func(b *Bridge) *string { return &b.BridgeName }, bridgeName()),
	number("bridgeId", func(b *Bridge) *int { return &b.BridgeID }, bridgeID()),
	number("vlanId", func(b *Bridge) *int { return &b.VlanID }, between(1, 4094, "")),
	list("trunks", "a list of numbers from 0 to 4095", func(b *Bridge) *[]int { return &b.Trunks }, number("", self[int], trunk())),
	text("vlanMode", func(b *Bridge) *string { return &b.VlanMode }, oneOf(vlanModes)),
}}

func bridgeID() rule[int64] {
	ru := between(1, MaxBridgeDomain, "")
	ru.allowed = domainRange
	return ru
}

func trunk() rule[int64] {
	ru := between(0, 4095, "")
	ru.allowed = "a number from 0 to 4095"
	return ru
}
