package netconf

import "strconv"

// Side describes one end of an attachment. Its JSON is both what the network
// configuration holds and what the pod reads in the contract, under the names
// that it has always had.
type Side struct {
	Engine  string  `json:"engine,omitempty"`  // EngineVPP
	IfType  string  `json:"iftype,omitempty"`  // IfTypeMemif
	NetType string  `json:"netType,omitempty"` // NetTypeBridge, NetTypeInterface or NetTypeNone
	MTU     int     `json:"mtu,omitempty"`     // bytes, without the Ethernet header; 0: VPP's default
	MAC     string  `json:"mac,omitempty"`     // aa:bb:cc:dd:ee:ff in lower case; empty: VPP chooses
	Memif   *Memif  `json:"memif,omitempty"`   // set exactly when IfType is memif
	Vhost   *Vhost  `json:"vhost,omitempty"`   // set exactly when IfType is vhostuser
	Bridge  *Bridge `json:"bridge,omitempty"`  // set exactly when NetType is bridge
}

// Memif configures a shared-memory interface. A zero number or an empty string
// leaves the choice to VPP.
type Memif struct {
	Role       string `json:"role,omitempty"`       // RoleMaster or RoleSlave
	Mode       string `json:"mode,omitempty"`       // ModeEthernet or ModeIP
	SocketFile string `json:"socketfile,omitempty"` // a bare file name; empty: the plugin makes one
	RingSize   uint32 `json:"ringSize,omitempty"`   // entries, a power of two from 8 to 16384
	BufferSize uint16 `json:"bufferSize,omitempty"` // bytes, from 64
	RxQueues   uint8  `json:"rxQueues,omitempty"`
	TxQueues   uint8  `json:"txQueues,omitempty"`
	Secret     string `json:"secret,omitempty"` // at most 23 bytes; never to be logged or annotated
	NoZeroCopy bool   `json:"noZeroCopy,omitempty"`
	UseDMA     bool   `json:"useDma,omitempty"`
}

// Vhost configures a vhost-user interface.
type Vhost struct {
	Mode                 string `json:"mode,omitempty"`       // VhostClient or VhostServer
	Group                string `json:"group,omitempty"`      // group that owns the socket
	SocketFile           string `json:"socketfile,omitempty"` // a bare file name
	EnableGSO            bool   `json:"enableGso,omitempty"`
	EnablePacked         bool   `json:"enablePacked,omitempty"`
	EnableEventIdx       bool   `json:"enableEventIdx,omitempty"`
	IngressPolicingRate  int    `json:"ingressPolicingRate,omitempty"`  // Open vSwitch only, kbit/s
	IngressPolicingBurst int    `json:"ingressPolicingBurst,omitempty"` // Open vSwitch only, kbit
}

// Bridge names the bridge domain that an endpoint joins.
type Bridge struct {
	BridgeName string `json:"bridgeName,omitempty"` // the domain's number
	BridgeID   int    `json:"bridgeId,omitempty"`   // the same as a number; the older field
	VlanID     int    `json:"vlanId,omitempty"`
	Trunks     []int  `json:"trunks,omitempty"`   // Open vSwitch only
	VlanMode   string `json:"vlanMode,omitempty"` // Open vSwitch only
}

// Domain returns the id of the bridge domain, 1 to [MaxBridgeDomain], or 0
// where neither field names one by number; after [Parse] a bridge always does.
func (b Bridge) Domain() uint32 {
	if b.BridgeName == "" {
		return domainOf(int64(b.BridgeID))
	}
	n, err := strconv.ParseInt(b.BridgeName, 10, 64)
	if err != nil {
		return 0
	}
	return domainOf(n)
}

func domainOf(n int64) uint32 {
	if n < 1 || n > MaxBridgeDomain {
		return 0
	}
	return uint32(n)
}
