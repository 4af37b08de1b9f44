package netconf

import (
	"net/netip"
	"strconv"
)

// Side describes one end of an attachment. Its JSON is both what the network
// configuration holds and what the pod reads in the contract, under the names
// that it has always had.
type Side struct {
	Engine  string `json:"engine,omitempty"`  // EngineVPP
	IfType  string `json:"iftype,omitempty"`  // IfTypeMemif, IfTypeVhostUser or IfTypeVCL
	NetType string `json:"netType,omitempty"` // NetTypeBridge, NetTypeInterface or NetTypeNone
	VRF     uint32 `json:"vrf,omitempty"`     // the host's table for netType interface, to [MaxVRF]; 0: VPP's default
	MTU     int    `json:"mtu,omitempty"`     // bytes, without the Ethernet header; 0: VPP's default
	MAC     string `json:"mac,omitempty"`     // aa:bb:cc:dd:ee:ff in lower case; empty: VPP chooses
	RxMode  string `json:"rxMode,omitempty"`  // the host's way to wait for packets, RxPolling and so on; empty: VPP's default
	// AntiSpoof drops what the pod sends from another address than its own: the
	// host's, for netType interface.
	AntiSpoof bool    `json:"antiSpoof,omitempty"`
	Memif     *Memif  `json:"memif,omitempty"`  // set exactly when IfType is memif
	Vhost     *Vhost  `json:"vhost,omitempty"`  // set exactly when IfType is vhostuser
	VCL       *VCL    `json:"vcl,omitempty"`    // set exactly when IfType is vcl
	Bridge    *Bridge `json:"bridge,omitempty"` // set exactly when NetType is bridge
}

// Memif configures a shared-memory interface. A zero number or an empty string
// leaves the choice to VPP.
type Memif struct {
	Role       string `json:"role,omitempty"`       // RoleMaster or RoleSlave
	Mode       string `json:"mode,omitempty"`       // ModeEthernet or ModeIP
	SocketFile string `json:"socketfile,omitempty"` // a bare file name, or an abstract one; empty: the plugin makes one
	SocketType string `json:"socketType,omitempty"` // SocketTypeFile or SocketTypeAbstract; empty in others' contracts: file
	// SocketOwner and SocketGroup are names or numbers. Like SocketMode they
	// are the host's, for the file of a master; empty: the plugin finds out.
	SocketOwner string `json:"socketOwner,omitempty"`
	SocketGroup string `json:"socketGroup,omitempty"`
	SocketMode  string `json:"socketMode,omitempty"` // four octal digits, see [Socket.Permissions]
	RingSize    uint32 `json:"ringSize,omitempty"`   // entries, a power of two from 8 to 16384
	BufferSize  uint16 `json:"bufferSize,omitempty"` // bytes, from 64
	RxQueues    uint8  `json:"rxQueues,omitempty"`
	TxQueues    uint8  `json:"txQueues,omitempty"`
	Secret      string `json:"secret,omitempty"` // at most 23 bytes; never to be logged or annotated
	NoZeroCopy  bool   `json:"noZeroCopy,omitempty"`
	UseDMA      bool   `json:"useDma,omitempty"`
}

// Vhost configures a vhost-user interface.
type Vhost struct {
	Mode       string `json:"mode,omitempty"`       // VhostClient or VhostServer: the server makes the socket
	SocketFile string `json:"socketfile,omitempty"` // a bare file name; empty: the plugin makes one
	// Group and SocketOwner are names or numbers. Like SocketMode they are the
	// host's; empty: the plugin finds out.
	Group                string `json:"group,omitempty"`
	SocketOwner          string `json:"socketOwner,omitempty"`
	SocketMode           string `json:"socketMode,omitempty"` // four octal digits, see [Socket.Permissions]
	EnableGSO            bool   `json:"enableGso,omitempty"`
	EnablePacked         bool   `json:"enablePacked,omitempty"`
	EnableEventIdx       bool   `json:"enableEventIdx,omitempty"`
	IngressPolicingRate  int    `json:"ingressPolicingRate,omitempty"`  // Open vSwitch only, kbit/s
	IngressPolicingBurst int    `json:"ingressPolicingBurst,omitempty"` // Open vSwitch only, kbit
}

// VCL configures the way of applications to VPP's host stack, through the socket
// of an application namespace.
type VCL struct {
	// Default is VCLEnable or VCLDisable: what counts for a pod that says nothing
	// by its annotation. It is the host's.
	Default    string `json:"default,omitempty"`
	SocketName string `json:"socketName,omitempty"` // an abstract name, or a bare file name; empty: the plugin chooses
	SocketType string `json:"socketType,omitempty"` // SocketTypeAbstract or SocketTypeFile
	// SocketOwner and SocketGroup are names or numbers. Like SocketMode they are
	// the host's, for a file; empty: the plugin finds out.
	SocketOwner string `json:"socketOwner,omitempty"`
	SocketGroup string `json:"socketGroup,omitempty"`
	SocketMode  string `json:"socketMode,omitempty"` // four octal digits, see [Socket.Permissions]
	// Scopes are what the applications' sockets reach: ScopeLocal and ScopeGlobal.
	Scopes []string `json:"scopes,omitempty"`
	// RxFifoSize and TxFifoSize are those of each session, in bytes; 0: usrsp-app's
	// default.
	RxFifoSize uint32 `json:"rxFifoSize,omitempty"`
	TxFifoSize uint32 `json:"txFifoSize,omitempty"`
	// CutThrough has the pods' connections to one another on the same VPP go from
	// application to application, without a packet: faster for TCP, and there is no
	// UDP between them. It is the host's.
	CutThrough bool `json:"cutThrough,omitempty"`
	// Addresses are the pod's, of which the sockets are. Only a contract has them.
	Addresses []netip.Addr `json:"addresses,omitempty"`
	// VPPRelease is that of the host's VPP, such as "26.06": VCL's library must be of
	// the same. Only a contract has it.
	VPPRelease string `json:"vppRelease,omitempty"`
}

// Bridge names the bridge domain that an endpoint joins. On the container's
// side it may be empty: the domain then has the number that usrsp-app gives the
// interface.
type Bridge struct {
	BridgeName string `json:"bridgeName,omitempty"` // a name, or the domain's number
	BridgeID   int    `json:"bridgeId,omitempty"`   // the number; the older field
	VlanID     int    `json:"vlanId,omitempty"`     // 1 to 4094; 0: none. Each VLAN is a domain of its own
	Uplink     string `json:"uplink,omitempty"`     // an interface of the host's VPP that joins too
	Trunks     []int  `json:"trunks,omitempty"`     // Open vSwitch only
	VlanMode   string `json:"vlanMode,omitempty"`   // Open vSwitch only
}

// Domain returns the id of the bridge domain that a plain number names, 1 to
// [MaxBridgeDomain]; 0 where the domain has a name or a VLAN, and so an id that
// is found through its [Bridge.Key].
func (b Bridge) Domain() uint32 {
	if b.VlanID != 0 {
		return 0
	}
	return b.number()
}

// Key is the domain's canonical name, the same for every way to write it: "4"
// for the number 4, "blue", and with VLAN 100 "4.100" and "blue.100". It is
// empty where the bridge names no domain, and has at most 68 of the letters,
// digits, '_', '.' and '-'; no name may end in a dot and a number, so that no
// two domains share a key.
func (b Bridge) Key() string {
	key := b.BridgeName
	if n := b.number(); n != 0 {
		key = strconv.FormatUint(uint64(n), 10)
	}
	if key != "" && b.VlanID != 0 {
		key += "." + strconv.Itoa(b.VlanID)
	}
	return key
}

// number is the one that names the domain, without its VLAN.
func (b Bridge) number() uint32 {
	n := int64(b.BridgeID)
	if b.BridgeName != "" {
		var err error
		if n, err = strconv.ParseInt(b.BridgeName, 10, 64); err != nil {
			return 0
		}
	}
	if n < 1 || n > MaxBridgeDomain {
		return 0
	}
	return uint32(n)
}
