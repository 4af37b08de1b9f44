package vpp

import (
	"context"
	"fmt"

	"go.fd.io/govpp/api"
	"go.fd.io/govpp/binapi/ethernet_types"
	interfaces "go.fd.io/govpp/binapi/interface"

	"github.com/userspace-cni/userspace-cni/pkg/vppapi"
)

// MaxLoopback is the highest instance of a loopback (create_loopback_instance,
// src/vnet/ethernet/interface.c).
const MaxLoopback = 16383

// MaxGateway is the highest instance of a gateway's; those above are of endpoints
// that are loopbacks.
const MaxGateway = 4095

// CreateLoopback is the step that makes a loopback; without a MAC address VPP
// chooses one. It fails with ErrLoopbackTaken where there is one.
func CreateLoopback(instance uint32, mac string) Step { return createLoopback{instance, mac} }

type createLoopback struct {
	instance uint32
	mac      string // empty: VPP's choice
}

func (s createLoopback) String() string {
	if s.mac == "" {
		return fmt.Sprintf("create loop%d", s.instance)
	}
	return fmt.Sprintf("create loop%d with MAC %s", s.instance, s.mac)
}

func (s createLoopback) Apply(ctx context.Context, session *Session) error {
	request := &interfaces.CreateLoopbackInstance{IsSpecified: true, UserInstance: s.instance}
	if s.mac != "" {
		mac, err := ethernet_types.ParseMacAddress(s.mac)
		if err != nil {
			return err
		}
		request.MacAddress = mac
	}
	reply, err := session.interfaces().CreateLoopbackInstance(ctx, request)
	if vppapi.IsRetval(err, api.INVALID_REGISTRATION) {
		return fmt.Errorf("%w: %w", ErrLoopbackTaken, err)
	}
	if err != nil {
		return err
	}
	session.Learn(fmt.Sprintf("loop%d", s.instance), reply.SwIfIndex)
	return nil
}

// DeleteLoopback is the request that deletes a loopback.
func DeleteLoopback(ctx context.Context, s *Session, index Index) error {
	_, err := s.interfaces().DeleteLoopback(ctx, &interfaces.DeleteLoopback{SwIfIndex: index})
	return err
}
