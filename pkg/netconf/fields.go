package netconf

import (
	"github.com/containernetworking/cni/pkg/types"

	"github.com/userspace-cni/userspace-cni/pkg/internal/fields"
)

// The tables below are every field there is. A test holds them against the
// JSON tags of side.go.

// cniKeys are the top-level keys that CNI and its callers add.
var cniKeys = []string{
	"args", "capabilities", "runtimeConfig", "prevResult", "disableCheck", "disableGC",
	"cni.dev/valid-attachments", "cni.dev/attachments", "plugins", "loadOnlyInlinedPlugins",
}

var topFields = fields.Object[NetConf]{Unknown: fields.WarnUnknown(cniKeys...), Fields: []fields.Field[NetConf]{
	fields.Text("cniVersion", func(c *NetConf) *string { return &c.CNIVersion }, fields.OneOf(cniVersions)),
	nameField,
	fields.Text("type", func(c *NetConf) *string { return &c.Type }, fields.AnyText()),
	ipamField,
	fields.Nested("dns", func(c *NetConf) *types.DNS { return &c.DNS }, dnsFields),
	fields.Text("kubeconfig", func(c *NetConf) *string { return &c.KubeConfig }, fields.NoNUL()),
	sharedDirField,
	logFileField,
	logLevelField,
	vppAPISocketField,
	hostField,
	fields.Nested("container", func(c *NetConf) *Side { return &c.Container }, sideFields),
}}

// deleteFields is what DEL reads, as far as it can be read. A cniVersion is
// kept whatever it is.
var deleteFields = fields.Object[NetConf]{Unknown: fields.IgnoreUnknown, Fields: []fields.Field[NetConf]{
	fields.Text("cniVersion", func(c *NetConf) *string { return &c.CNIVersion }, fields.AnyText()),
	nameField,
	ipamField,
	sharedDirField,
	logFileField,
	logLevelField,
	vppAPISocketField,
	hostField,
}}

var (
	nameField         = fields.Text("name", func(c *NetConf) *string { return &c.Name }, networkName())
	ipamField         = fields.Nested("ipam", func(c *NetConf) *IPAM { return &c.IPAM }, ipamFields)
	sharedDirField    = fields.Text("sharedDir", func(c *NetConf) *string { return &c.SharedDir }, fields.AbsolutePath(fields.MaxPath))
	logFileField      = fields.Text("logFile", func(c *NetConf) *string { return &c.LogFile }, fields.NoNUL())
	logLevelField     = fields.Parsed("logLevel", func(c *NetConf) *string { return &c.LogLevel }, fields.OneOfAnyCase(logLevels), fields.Lower)
	vppAPISocketField = fields.Text("vppApiSocket", func(c *NetConf) *string { return &c.VPPAPISocket }, fields.AbsolutePath(fields.MaxUnixPath))
	hostField         = fields.Nested("host", func(c *NetConf) *Side { return &c.Host }, sideFields)
)

var ipamFields = fields.Object[IPAM]{Unknown: fields.IgnoreUnknown, Fields: []fields.Field[IPAM]{
	fields.Text("type", func(i *IPAM) *string { return &i.Type }, pluginName()),
}}

var dnsFields = fields.Object[types.DNS]{Unknown: fields.IgnoreUnknown, Fields: []fields.Field[types.DNS]{
	fields.List("nameservers", "a list of strings", func(d *types.DNS) *[]string { return &d.Nameservers }, fields.Text("", fields.At[string], fields.AnyText())),
	fields.Text("domain", func(d *types.DNS) *string { return &d.Domain }, fields.AnyText()),
	fields.List("search", "a list of strings", func(d *types.DNS) *[]string { return &d.Search }, fields.Text("", fields.At[string], fields.AnyText())),
	fields.List("options", "a list of strings", func(d *types.DNS) *[]string { return &d.Options }, fields.Text("", fields.At[string], fields.AnyText())),
}}

// mtu: the limits of an Ethernet frame in VPP (vnet/ethernet/ethernet.h).
var sideFields = fields.Object[Side]{Unknown: fields.RefuseUnknown, Fields: []fields.Field[Side]{
	fields.Text("engine", func(s *Side) *string { return &s.Engine }, fields.OneOf(engines)),
	fields.Text("iftype", func(s *Side) *string { return &s.IfType }, fields.OneOf(ifTypes)),
	fields.Text("netType", func(s *Side) *string { return &s.NetType }, fields.OneOf(netTypes)),
	fields.Number("vrf", func(s *Side) *uint32 { return &s.VRF }, orZero("the default table", 1, MaxVRF)),
	fields.Number("mtu", func(s *Side) *int { return &s.MTU }, fields.Between(64, 9216, " bytes")),
	fields.Parsed("mac", func(s *Side) *string { return &s.MAC }, macAddress(), canonicalMAC),
	fields.Text("rxMode", func(s *Side) *string { return &s.RxMode }, fields.OneOf(rxModes)),
	fields.Boolean("antiSpoof", func(s *Side) *bool { return &s.AntiSpoof }),
	fields.Block("memif", func(s *Side) **Memif { return &s.Memif }, memifFields),
	fields.Block("vhost", func(s *Side) **Vhost { return &s.Vhost }, vhostFields),
	fields.Block("vcl", func(s *Side) **VCL { return &s.VCL }, vclFields),
	fields.Block("bridge", func(s *Side) **Bridge { return &s.Bridge }, bridgeFields),
}}

// ringSize: VPP negotiates at most 2^14 but lays its own rings out in the size
// it was given (MEMIF_MAX_LOG2_RING_SIZE in plugins/memif/private.h,
// memif_init_regions_and_queues in memif.c), and a zero-copy slave refills in
// groups of eight, so that a smaller ring never receives (memif/node.c).
var memifFields = fields.Object[Memif]{Unknown: fields.RefuseUnknown, Fields: []fields.Field[Memif]{
	fields.Text("role", func(m *Memif) *string { return &m.Role }, fields.OneOf(roles)),
	fields.Text("mode", func(m *Memif) *string { return &m.Mode }, memifMode()),
	fields.Text("socketfile", func(m *Memif) *string { return &m.SocketFile }, socketFile()),
	fields.Text("socketType", func(m *Memif) *string { return &m.SocketType }, fields.OneOf(socketTypes)),
	fields.Text("socketOwner", func(m *Memif) *string { return &m.SocketOwner }, account("user")),
	fields.Text("socketGroup", func(m *Memif) *string { return &m.SocketGroup }, account("group")),
	fields.Parsed("socketMode", func(m *Memif) *string { return &m.SocketMode }, socketMode(), fourDigits),
	fields.Number("ringSize", func(m *Memif) *uint32 { return &m.RingSize }, powerOfTwo(8, 16384)),
	fields.Number("bufferSize", func(m *Memif) *uint16 { return &m.BufferSize }, fields.Between(64, 65535, " bytes")),
	fields.Number("rxQueues", func(m *Memif) *uint8 { return &m.RxQueues }, fields.Between(1, 255, "")),
	fields.Number("txQueues", func(m *Memif) *uint8 { return &m.TxQueues }, fields.Between(1, 255, "")),
	fields.Text("secret", func(m *Memif) *string { return &m.Secret }, secret()),
	fields.Boolean("noZeroCopy", func(m *Memif) *bool { return &m.NoZeroCopy }),
	fields.Boolean("useDma", func(m *Memif) *bool { return &m.UseDMA }),
}}

var vhostFields = fields.Object[Vhost]{Unknown: fields.RefuseUnknown, Fields: []fields.Field[Vhost]{
	fields.Text("mode", func(v *Vhost) *string { return &v.Mode }, fields.OneOf(vhostModes)),
	fields.Text("group", func(v *Vhost) *string { return &v.Group }, account("group")),
	fields.Text("socketOwner", func(v *Vhost) *string { return &v.SocketOwner }, account("user")),
	fields.Parsed("socketMode", func(v *Vhost) *string { return &v.SocketMode }, socketMode(), fourDigits),
	fields.Text("socketfile", func(v *Vhost) *string { return &v.SocketFile }, socketFile()),
	fields.Boolean("enableGso", func(v *Vhost) *bool { return &v.EnableGSO }),
	fields.Boolean("enablePacked", func(v *Vhost) *bool { return &v.EnablePacked }),
	fields.Boolean("enableEventIdx", func(v *Vhost) *bool { return &v.EnableEventIdx }),
	fields.Number("ingressPolicingRate", func(v *Vhost) *int { return &v.IngressPolicingRate }, fields.Between(1, 1<<32-1, " kbit/s")),
	fields.Number("ingressPolicingBurst", func(v *Vhost) *int { return &v.IngressPolicingBurst }, fields.Between(1, 1<<32-1, " kbit")),
}}

const scopesText = `a list of "local" and "global", each at most once`

// FIFO sizes: VPP rounds up to a power of two, and has at least a page for each
// (fsh_try_alloc_fifo in src/svm/fifo_segment.c).
var vclFields = fields.Object[VCL]{Unknown: fields.RefuseUnknown, Fields: []fields.Field[VCL]{
	fields.Text("default", func(v *VCL) *string { return &v.Default }, fields.OneOf(vclChoices)),
	fields.Text("socketName", func(v *VCL) *string { return &v.SocketName }, vclSocket()),
	fields.Text("socketType", func(v *VCL) *string { return &v.SocketType }, fields.OneOf(socketTypes)),
	fields.Text("socketOwner", func(v *VCL) *string { return &v.SocketOwner }, account("user")),
	fields.Text("socketGroup", func(v *VCL) *string { return &v.SocketGroup }, account("group")),
	fields.Parsed("socketMode", func(v *VCL) *string { return &v.SocketMode }, socketMode(), fourDigits),
	fields.Boolean("cutThrough", func(v *VCL) *bool { return &v.CutThrough }),
	fields.List("scopes", scopesText, func(v *VCL) *[]string { return &v.Scopes }, fields.Word(fields.OneOf(vclScopes))),
	fields.Number("rxFifoSize", func(v *VCL) *uint32 { return &v.RxFifoSize }, fields.Between(4096, 1<<30, " bytes")),
	fields.Number("txFifoSize", func(v *VCL) *uint32 { return &v.TxFifoSize }, fields.Between(4096, 1<<30, " bytes")),
}}

var bridgeFields = fields.Object[Bridge]{Unknown: fields.RefuseUnknown, Fields: []fields.Field[Bridge]{
	fields.Text("bridgeName", func(b *Bridge) *string { return &b.BridgeName }, bridgeName()),
	fields.Number("bridgeId", func(b *Bridge) *int { return &b.BridgeID }, bridgeID()),
	fields.Number("vlanId", func(b *Bridge) *int { return &b.VlanID }, orZero("none", 1, 4094)),
	fields.Text("uplink", func(b *Bridge) *string { return &b.Uplink }, vppInterface()),
	fields.List("trunks", "a list of numbers from 0 to 4095", func(b *Bridge) *[]int { return &b.Trunks }, fields.Number("", fields.At[int], trunk())),
	fields.Text("vlanMode", func(b *Bridge) *string { return &b.VlanMode }, fields.OneOf(vlanModes)),
}}

func bridgeID() fields.Rule[int64] {
	ru := fields.Between(1, MaxBridgeDomain, "")
	ru.Allowed = domainRange
	return ru
}

func trunk() fields.Rule[int64] {
	ru := fields.Between(0, 4095, "")
	ru.Allowed = "a number from 0 to 4095"
	return ru
}
