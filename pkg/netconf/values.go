package netconf

import "github.com/userspace-cni/userspace-cni/pkg/internal/fields"

// Engines: the vswitch that makes an endpoint.
const (
	EngineVPP     = "vpp"
	EngineOVS     = "ovs"
	EngineOVSDPDK = "ovs-dpdk"
)

// Interface types: the kind of endpoint.
const (
	IfTypeMemif     = "memif"
	IfTypeVhostUser = "vhostuser"
	IfTypeVCL       = "vcl"
	IfTypeTap       = "tap"
	IfTypeAFPacket  = "af_packet"
	IfTypeVeth      = "veth"
)

// Network types: what an endpoint is joined to.
const (
	NetTypeBridge    = "bridge"
	NetTypeInterface = "interface"
	NetTypeNone      = "none"
)

// Roles of a memif. The master listens on the socket; the slave connects, and
// chooses rings and queues.
const (
	RoleMaster = "master"
	RoleSlave  = "slave"
)

// Modes of a memif.
const (
	ModeEthernet   = "ethernet"
	ModeIP         = "ip"
	ModeInjectPunt = "inject-punt"
)

// Types of a socket: a file in the shared directory, or an abstract one
// in the pod's network namespace.
const (
	SocketTypeFile     = "file"
	SocketTypeAbstract = "abstract"
)

// Modes of a vhost-user endpoint.
const (
	VhostClient = "client"
	VhostServer = "server"
)

// Whether a pod gets a VCL endpoint.
const (
	VCLEnable  = "enable"
	VCLDisable = "disable"
)

// Scopes of an application's sockets: those of the other applications on the same
// VPP, by the short way, and everybody else's.
const (
	ScopeLocal  = "local"
	ScopeGlobal = "global"
)

// Ways in which VPP waits for packets.
const (
	RxPolling   = "polling"
	RxInterrupt = "interrupt"
	RxAdaptive  = "adaptive"
)

// DefaultVPPAPISocket is where VPP listens for its binary API by default.
const DefaultVPPAPISocket = "/run/vpp/api.sock"

// MaxBridgeDomain is the highest id of a bridge domain: VPP keeps 24 bits
// (L2_BD_ID_MAX in vnet/l2/l2_bd.h). 0 is VPP's own.
const MaxBridgeDomain = 1<<24 - 1

// MaxVRF is the highest number of a table: VPP takes the one above for "none"
// (ip_table_add_del in vnet/ip/ip.api).
const MaxVRF = 1<<32 - 2

var (
	cniVersions = []string{"0.3.1", "0.4.0", "1.0.0", "1.1.0"}
	logLevels   = fields.LogLevels
	engines     = []string{EngineVPP, EngineOVS, EngineOVSDPDK}
	ifTypes     = []string{IfTypeMemif, IfTypeVhostUser, IfTypeVCL, IfTypeTap, IfTypeAFPacket, IfTypeVeth}
	netTypes    = []string{NetTypeBridge, NetTypeInterface, NetTypeNone}
	roles       = []string{RoleMaster, RoleSlave}
	memifModes  = []string{ModeEthernet, ModeIP, ModeInjectPunt}
	socketTypes = []string{SocketTypeFile, SocketTypeAbstract}
	rxModes     = []string{RxPolling, RxInterrupt, RxAdaptive}
	vhostModes  = []string{VhostClient, VhostServer}
	vclChoices  = []string{VCLEnable, VCLDisable}
	vclScopes   = []string{ScopeLocal, ScopeGlobal}
	vlanModes   = []string{"access", "trunk", "native-tagged", "native-untagged", "dot1q-tunnel"}
)
