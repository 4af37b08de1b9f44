package vppsim

import (
	"fmt"
	"math/bits"
	"math/rand/v2"
	"slices"

	"go.fd.io/govpp/api"
	"go.fd.io/govpp/binapi/ethernet_types"
	"go.fd.io/govpp/binapi/interface_types"
	memifapi "go.fd.io/govpp/binapi/memif"

	"github.com/userspace-cni/userspace-cni/pkg/vppsim/memif"
	"github.com/userspace-cni/userspace-cni/pkg/vppsim/packet"
)

// memif interfaces: src/plugins/memif/memif_api.c and memif.c.

const (
	defaultRingSize   = 1024
	defaultBufferSize = 2048
	maxSecret         = 23 // VPP puts a NUL into the last of 24 bytes
)

// memifPort is what makes an interface a memif.
type memifPort struct {
	id, socketID uint32
	socket       *memifSocket
	mode         memif.Mode
	zeroCopy     bool
	endpoint     *memif.Endpoint
}

// rxQueues returns how many receive queues the connection has.
func (p *memifPort) rxQueues() int {
	st := p.endpoint.Status()
	if st.Role == memif.Master {
		return st.S2MRings
	}
	return st.M2SRings
}

func (s *Sim) memifCreate(r *memifapi.MemifCreateV2, reply *memifapi.MemifCreateV2Reply) error {
	ring := r.RingSize
	if ring == 0 {
		ring = defaultRingSize
	}
	if bits.OnesCount32(ring) != 1 {
		return api.INVALID_ARGUMENT
	}
	sock, err := s.usableSocket(r)
	if err != nil {
		return err
	}
	if r.Mode == memifapi.MEMIF_MODE_API_PUNT_INJECT {
		s.die("a memif in punt-inject mode") // a segmentation fault in VPP: its cleanup takes index ~0
		return api.SYSCALL_ERROR_2
	}
	i := s.newMemif(r, sock)
	s.create(i)
	// VPP's reply carries the index even when the listener then fails.
	reply.SwIfIndex = interface_types.InterfaceIndex(i.index)
	if err := s.connectMemif(i, r, ring); err != nil {
		sock.refs--
		s.destroy(i)
		return err
	}
	sock.refs++
	sock.ports[r.ID] = i
	return nil
}

// usableSocket checks the request against what is on its socket already. The
// first interface decides whether the socket is for masters or for slaves.
func (s *Sim) usableSocket(r *memifapi.MemifCreateV2) (*memifSocket, error) {
	sock, master := s.sockets[r.SocketID], r.Role == memifapi.MEMIF_ROLE_API_MASTER
	switch {
	case sock == nil:
		return nil, api.INVALID_ARGUMENT
	case sock.refs > 0 && (sock.master != master || sock.ports[r.ID] != nil):
		return nil, api.SUBIF_ALREADY_EXISTS
	case sock.refs == 0:
		sock.master, sock.ports = master, map[uint32]*iface{}
	}
	return sock, nil
}

func (s *Sim) newMemif(r *memifapi.MemifCreateV2, sock *memifSocket) *iface {
	i := &iface{
		name: fmt.Sprintf("memif%d/%d", r.SocketID, r.ID), devType: "memif",
		ethernet: r.Mode == memifapi.MEMIF_MODE_API_ETHERNET,
		memif: &memifPort{
			id: r.ID, socketID: r.SocketID, socket: sock, mode: memif.Mode(r.Mode),
			zeroCopy: !r.NoZeroCopy && r.Role == memifapi.MEMIF_ROLE_API_SLAVE,
		},
	}
	if i.ethernet {
		i.mac = packet.MAC(r.HwAddr)
		if i.mac == (packet.MAC{}) {
			n := rand.Uint32()
			i.mac = packet.MAC{2, 0xfe, byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}
		}
	}
	return i
}

// connectMemif gives the interface its endpoint, and the socket its listener
// with the first master.
func (s *Sim) connectMemif(i *iface, r *memifapi.MemifCreateV2, ring uint32) error {
	sock := i.memif.socket
	cfg := memif.Config{
		ID: r.ID, Mode: i.memif.mode, IfName: i.name,
		Secret:       r.Secret[:min(len(r.Secret), maxSecret)],
		Log2RingSize: uint8(bits.TrailingZeros32(ring)), BufferSize: orDefault(r.BufferSize, defaultBufferSize),
		RxQueues: orDefault(r.RxQueues, 1), TxQueues: orDefault(r.TxQueues, 1),
		Receive: func(frame []byte) { s.input(i, frame) },
		Link:    func(up bool) { s.linkChanged(i, up) },
	}
	if !sock.master {
		i.memif.endpoint = s.host.Dial(sock.filename, cfg)
		return nil
	}
	if sock.refs == 0 {
		listener, err := s.host.Listen(sock.filename)
		if err != nil {
			i.memif.endpoint = memif.Unreachable(cfg)
			s.opts.Log.Warn("memif listener", "socket", sock.filename, "error", err)
			return api.SYSCALL_ERROR_4
		}
		sock.listener = listener
	}
	if sock.listener == nil {
		i.memif.endpoint = memif.Unreachable(cfg)
	} else {
		i.memif.endpoint = sock.listener.Add(cfg)
	}
	return nil
}

func orDefault[T comparable](v, def T) T {
	var zero T
	if v == zero {
		return def
	}
	return v
}

func (s *Sim) linkChanged(i *iface, up bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.owns(i) || i.linkUp == up {
		return
	}
	i.linkUp, i.rxModes = up, nil
	if up {
		i.rxModes = slices.Repeat([]interface_types.RxMode{defaultRxMode}, i.memif.rxQueues())
	}
	s.emit(i, flag(up, interface_types.IF_STATUS_API_FLAG_LINK_UP), false)
	s.flush()
}

// owns says whether the interface still exists: its index may be another's.
func (s *Sim) owns(i *iface) bool {
	return s.interfaces.at(i.index) == i && s.ctx.Err() == nil
}

func (s *Sim) memifDelete(r *memifapi.MemifDelete, _ *memifapi.MemifDeleteReply) error {
	i, err := s.byIndex(r.SwIfIndex)
	if err != nil || i.hardware().memif == nil {
		return api.INVALID_SW_IF_INDEX
	}
	i = i.hardware() // VPP doesn't look which of its interfaces it was given
	sock := i.memif.socket
	i.memif.endpoint.Close("interface deleted")
	s.destroy(i)
	delete(sock.ports, i.memif.id)
	if sock.refs--; sock.refs == 0 {
		sock.close()
	}
	return nil
}

func (s *Sim) memifDump(_ *memifapi.MemifDump, send func(*memifapi.MemifDetails)) {
	for i := range s.interfaces.all() {
		if i.memif == nil {
			continue
		}
		st := i.memif.endpoint.Status()
		send(&memifapi.MemifDetails{
			SwIfIndex: interface_types.InterfaceIndex(i.index), HwAddr: ethernet_types.MacAddress(i.mac),
			ID: i.memif.id, Role: memifapi.MemifRole(st.Role), Mode: memifapi.MemifMode(i.memif.mode),
			ZeroCopy: i.memif.zeroCopy, SocketID: i.memif.socketID,
			RingSize: 1 << st.Log2RingSize, BufferSize: st.BufferSize, // 1 and 0 until a slave has connected
			Flags: i.flags(), IfName: i.name,
		})
	}
}
