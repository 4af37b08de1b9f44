package vppsim

import (
	"fmt"

	"go.fd.io/govpp/api"
	interfaces "go.fd.io/govpp/binapi/interface"
	"go.fd.io/govpp/binapi/interface_types"

	"github.com/userspace-cni/userspace-cni/pkg/vppsim/packet"
)

// Loopbacks: src/vnet/ethernet/interface.c.

const maxLoopbacks = 16384

func (s *Sim) createLoopback(r *interfaces.CreateLoopbackInstance, reply *interfaces.CreateLoopbackInstanceReply) error {
	reply.SwIfIndex = interface_types.InterfaceIndex(noIndex)
	instance := r.UserInstance
	if !r.IsSpecified {
		for instance = 0; s.loopbacks[instance]; instance++ {
		}
	}
	if instance >= maxLoopbacks || s.loopbacks[instance] {
		return api.INVALID_REGISTRATION
	}
	i := &iface{
		name: fmt.Sprintf("loop%d", instance), devType: "Loopback",
		ethernet: true, mac: packet.MAC(r.MacAddress), instance: instance,
	}
	if i.mac == (packet.MAC{}) {
		i.mac = packet.MAC{0xde, 0xad, 5: byte(instance)}
	}
	s.loopbacks[instance] = true
	s.create(i)
	reply.SwIfIndex = interface_types.InterfaceIndex(i.index)
	return nil
}

func (s *Sim) deleteLoopback(r *interfaces.DeleteLoopback, _ *interfaces.DeleteLoopbackReply) error {
	i, err := s.byIndex(r.SwIfIndex)
	if err != nil || i.hardware().memif != nil || i.hardware().vhost != nil || i.index == 0 {
		return api.INVALID_SW_IF_INDEX
	}
	i = i.hardware() // VPP doesn't look which of its interfaces it was given
	delete(s.loopbacks, i.instance)
	s.destroy(i)
	return nil
}
