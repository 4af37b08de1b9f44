package vppsim

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"syscall"

	"go.fd.io/govpp/api"
	"go.fd.io/govpp/binapi/interface_types"
	"go.fd.io/govpp/binapi/vhost_user"

	"github.com/userspace-cni/userspace-cni/pkg/vppsim/packet"
)

// vhost-user interfaces: src/plugins/vhost. They make their sockets and are
// remembered; no frame passes through one.

// maxSunPath is where VPP cuts a path.
const maxSunPath = 107

// vhostPort is what makes an interface a vhost-user one.
type vhostPort struct {
	filename string
	listener net.Listener // nil: VPP is the client
}

func (s *Sim) vhostCreate(r *vhost_user.CreateVhostUserIfV2, reply *vhost_user.CreateVhostUserIfV2Reply) error {
	reply.SwIfIndex = interface_types.InterfaceIndex(noIndex)
	if r.SockFilename == "" {
		return api.INVALID_ARGUMENT
	}
	for i := range s.interfaces.all() {
		if i.vhost != nil && i.vhost.filename == r.SockFilename {
			reply.SwIfIndex = interface_types.InterfaceIndex(i.index)
			return api.IF_ALREADY_EXISTS
		}
	}
	port := &vhostPort{filename: r.SockFilename}
	if r.IsServer {
		if err := port.listen(); err != nil {
			s.opts.Log.Warn("vhost-user listener", "socket", r.SockFilename, "error", err)
			return api.SYSCALL_ERROR_2
		}
	}
	i := &iface{
		devType: "vhost-user", ethernet: true, vhost: port, tag: r.Tag, mac: packet.MAC(r.MacAddress),
		rxModes: []interface_types.RxMode{defaultRxMode}, // its one queue doesn't wait for the driver
	}
	if !r.UseCustomMac {
		n := rand.Uint32()
		i.mac = packet.MAC{2, 0xfe, byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}
	}
	s.create(i)
	i.name = fmt.Sprintf("VirtualEthernet0/0/%d", i.index)
	if r.Renumber {
		i.name = fmt.Sprintf("VirtualEthernet0/0/%d", int32(r.CustomDevInstance))
	}
	reply.SwIfIndex = interface_types.InterfaceIndex(i.index)
	return nil
}

// listen removes whatever stands at the path, as VPP does.
func (p *vhostPort) listen() error {
	path := p.filename[:min(len(p.filename), maxSunPath)]
	if err := syscall.Unlink(p.filename); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return err
	}
	listener.SetUnlinkOnClose(false)
	p.listener = listener
	return nil
}

// close ends the socket; VPP removes its file with the interface.
func (p *vhostPort) close() {
	if p.listener != nil {
		_ = p.listener.Close()
	}
}

func (s *Sim) vhostDelete(r *vhost_user.DeleteVhostUserIf, _ *vhost_user.DeleteVhostUserIfReply) error {
	i, err := s.byIndex(r.SwIfIndex)
	if err != nil || i.vhost == nil {
		return api.INVALID_SW_IF_INDEX
	}
	i.vhost.close()
	if i.vhost.listener != nil {
		_ = syscall.Unlink(i.vhost.filename) // it may be gone
	}
	s.destroy(i)
	return nil
}

func (s *Sim) vhostDump(_ *vhost_user.SwInterfaceVhostUserDump, send func(*vhost_user.SwInterfaceVhostUserDetails)) {
	for i := range s.interfaces.all() {
		if i.vhost != nil {
			send(&vhost_user.SwInterfaceVhostUserDetails{
				SwIfIndex: interface_types.InterfaceIndex(i.index), InterfaceName: i.name,
				IsServer: i.vhost.listener != nil, SockFilename: i.vhost.filename,
			})
		}
	}
}
