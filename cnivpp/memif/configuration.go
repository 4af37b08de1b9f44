package memif

import (
	"encoding/json"
	"fmt"
	"strings"

	"go.fd.io/govpp/binapi/ethernet_types"
	vppmemif "go.fd.io/govpp/binapi/memif"

	"github.com/userspace-cni/userspace-cni/cnivpp/vpp"
	"github.com/userspace-cni/userspace-cni/pkg/netconf"
	"github.com/userspace-cni/userspace-cni/pkg/vpppath"
)

// MaxSecret is 23 bytes: VPP's field has 24 and overwrites the last with NUL,
// without an error (src/plugins/memif/memif_api.c).
const MaxSecret = 23

// isFilename tells whether VPP listens on it: an absolute path, or
// "abstract:NAME[,netns_name=PATH]". An abstract socket is made in the network
// namespace that is named, or in VPP's own.
func isFilename(text string) bool {
	if name, ok := strings.CutPrefix(text, "abstract:"); ok {
		name, netns, named := strings.Cut(name, ",netns_name=")
		return isName(name) && (!named || vpppath.IsPath(netns))
	}
	return vpppath.IsPath(text) && len(text) <= vpppath.MaxSocket
}

func isName(name string) bool {
	return name != "" && len(name) <= vpppath.MaxAbstract && !strings.ContainsFunc(name, vpppath.Ends)
}

// maxDumped is how much of a filename VPP's dump shows.
const maxDumped = 107

// isDumpOf tells whether what a dump shows is this endpoint's filename.
func (e Endpoint) isDumpOf(shown string) bool {
	return shown == e.Filename || len(shown) >= maxDumped && strings.HasPrefix(e.Filename, shown)
}

// Endpoint describes one side of a memif connection.
type Endpoint struct {
	// SocketID is VPP's number for the socket, 1 to 4294967294, of our own
	// choosing. The interface is called memif<SocketID>/0 after it.
	SocketID uint32 `json:"socketId"`
	// Filename is the socket as VPP takes it: a path, or
	// "abstract:NAME[,netns_name=PATH]".
	Filename string `json:"filename"`
	Role     string `json:"role"`
	Mode     string `json:"mode"`
	// RingSize is in descriptors, a power of two; 0 is VPP's 1024.
	RingSize uint32 `json:"ringSize,omitempty"`
	// BufferSize is in bytes; 0 is VPP's 2048.
	BufferSize uint16 `json:"bufferSize,omitempty"`
	// RxQueues and TxQueues count on the slave only; 0 is VPP's 1.
	RxQueues uint8  `json:"rxQueues,omitempty"`
	TxQueues uint8  `json:"txQueues,omitempty"`
	Secret   string `json:"secret,omitempty"`
	// NoZeroCopy makes a slave copy packets instead of exporting VPP's buffers.
	NoZeroCopy bool `json:"noZeroCopy,omitempty"`
	UseDMA     bool `json:"useDma,omitempty"`
	// MAC is the interface's own address in mode ethernet.
	MAC string `json:"mac,omitempty"`
}

var _ vpp.Part = Endpoint{}

// Configure makes the endpoint that a validated side of a network configuration
// describes, with the given identifiers.
func Configure(side netconf.Side, id vpp.Identity) (Endpoint, error) {
	if side.Memif == nil {
		return Endpoint{}, fmt.Errorf("iftype is memif but the block memif is missing")
	}
	m := side.Memif
	e := Endpoint{
		SocketID: id.Number, Filename: id.Socket, Role: m.Role, Mode: m.Mode,
		RingSize: m.RingSize, BufferSize: m.BufferSize, RxQueues: m.RxQueues, TxQueues: m.TxQueues,
		Secret: m.Secret, NoZeroCopy: m.NoZeroCopy, UseDMA: m.UseDMA,
	}
	if m.Mode == netconf.ModeEthernet {
		e.MAC = side.MAC
		if e.MAC == "" {
			e.MAC = id.MAC
		}
	}
	return e, e.validate()
}

// Decode reads an endpoint from a record.
func Decode(raw json.RawMessage) (Endpoint, error) {
	var e Endpoint
	if err := json.Unmarshal(raw, &e); err != nil {
		return e, fmt.Errorf("memif endpoint: %w", err)
	}
	return e, e.validate()
}

// validate repeats what would hurt VPP if it came from a damaged record or a
// hostile contract file, however it got there.
func (e Endpoint) validate() error {
	if e.SocketID == 0 || e.SocketID == ^uint32(0) {
		return fmt.Errorf("memif socket id %d is not allowed; allowed: 1 to %d", e.SocketID, ^uint32(0)-1)
	}
	if !isFilename(e.Filename) {
		return fmt.Errorf("memif socket %q is not allowed; allowed: an absolute path of at most 106 letters, digits and any of '/', '_', '.', '-'", e.Filename)
	}
	if r := e.RingSize; r != 0 && (r < minRing || r > maxRing || r&(r-1) != 0) {
		return fmt.Errorf("memif ring size %d is not allowed; allowed: a power of two from %d to %d, or 0", r, minRing, maxRing)
	}
	_, err := e.message()
	return err
}

// minRing and maxRing are the limits of the network configuration, which says
// why.
const minRing, maxRing = 8, 16384

// Interface is the name that VPP gives the interface.
func (e Endpoint) Interface() string { return fmt.Sprintf("memif%d/0", e.SocketID) }

var (
	roles = map[string]vppmemif.MemifRole{
		netconf.RoleMaster: vppmemif.MEMIF_ROLE_API_MASTER,
		netconf.RoleSlave:  vppmemif.MEMIF_ROLE_API_SLAVE,
	}
	// modes lacks inject-punt: creating one is a segmentation fault of VPP
	// (seen on 26.06, the same code in 23.06 to 25.10).
	modes = map[string]vppmemif.MemifMode{
		netconf.ModeEthernet: vppmemif.MEMIF_MODE_API_ETHERNET,
		netconf.ModeIP:       vppmemif.MEMIF_MODE_API_IP,
	}
)

// message is the request that creates the interface.
func (e Endpoint) message() (*vppmemif.MemifCreateV2, error) {
	role, ok := roles[e.Role]
	if !ok {
		return nil, fmt.Errorf("memif role %q is not allowed; allowed: master, slave", e.Role)
	}
	mode, ok := modes[e.Mode]
	if !ok {
		return nil, fmt.Errorf("memif mode %q is not allowed; allowed: ethernet, ip", e.Mode)
	}
	if len(e.Secret) > MaxSecret || strings.Contains(e.Secret, "\x00") {
		return nil, fmt.Errorf("the memif secret has %d bytes; allowed: at most %d without NUL", len(e.Secret), MaxSecret)
	}
	var mac ethernet_types.MacAddress
	if e.MAC != "" {
		var err error
		if mac, err = vpp.ParseMAC(e.MAC); err != nil {
			return nil, fmt.Errorf("memif %w", err)
		}
	}
	return &vppmemif.MemifCreateV2{
		Role: role, Mode: mode, SocketID: e.SocketID,
		RxQueues: e.RxQueues, TxQueues: e.TxQueues, RingSize: e.RingSize, BufferSize: e.BufferSize,
		NoZeroCopy: e.NoZeroCopy, UseDma: e.UseDMA, HwAddr: mac, Secret: e.Secret,
	}, nil
}

// Number is the socket id at which the search for a free one starts, for the
// attachment with the given key. It lies above what people number by hand.
func Number(key string) uint32 {
	const lowest, highest = 1 << 16, 1<<31 - 1
	return vpp.Spread("memif socket id "+key, lowest, highest)
}
