package vhostuser

import (
	"context"
	"fmt"

	"go.fd.io/govpp/api"
	"go.fd.io/govpp/binapi/vhost_user"

	"github.com/userspace-cni/userspace-cni/cnivpp/vpp"
	"github.com/userspace-cni/userspace-cni/pkg/vppapi"
)

// Messages are those that VPP must have for an endpoint of this kind.
func (Endpoint) Messages() []api.Message {
	return []api.Message{
		&vhost_user.CreateVhostUserIfV2{}, &vhost_user.DeleteVhostUserIf{}, &vhost_user.SwInterfaceVhostUserDump{},
	}
}

func client(s *vpp.Session) vhost_user.RPCService { return vhost_user.NewServiceClient(s.Conn()) }

// details returns what VPP says of one vhost-user interface, or nil.
func details(ctx context.Context, s *vpp.Session, index vpp.Index) (*vhost_user.SwInterfaceVhostUserDetails, error) {
	all, err := vpp.Once(ctx, s, "vhost-user interfaces", dumpInterfaces)
	return all[index], err
}

func dumpInterfaces(ctx context.Context, s *vpp.Session) (map[vpp.Index]*vhost_user.SwInterfaceVhostUserDetails, error) {
	dump, err := client(s).SwInterfaceVhostUserDump(ctx, &vhost_user.SwInterfaceVhostUserDump{SwIfIndex: vpp.NoIndex})
	if err != nil {
		return nil, fmt.Errorf("dump vhost-user interfaces: %w", err)
	}
	all := map[vpp.Index]*vhost_user.SwInterfaceVhostUserDetails{}
	err = vpp.Drain(dump.Recv, func(d *vhost_user.SwInterfaceVhostUserDetails) { all[d.SwIfIndex] = d })
	if err != nil {
		return nil, fmt.Errorf("dump vhost-user interfaces: %w", err)
	}
	return all, nil
}

type createInterface struct{ Endpoint }

func (s createInterface) String() string {
	mode := "client"
	if s.Server {
		mode = "server"
	}
	return fmt.Sprintf("create %s %s of %s", s.Interface(), mode, s.Filename)
}

// Apply relies on the instance being ours: VPP takes one twice without an error,
// and then has two interfaces of one name.
func (s createInterface) Apply(ctx context.Context, session *vpp.Session) error {
	request, err := s.message()
	if err != nil {
		return err
	}
	reply, err := client(session).CreateVhostUserIfV2(ctx, request)
	switch {
	case vppapi.IsRetval(err, api.IF_ALREADY_EXISTS): // on this socket
		return fmt.Errorf("%w: %w", vpp.ErrExists, err)
	case vppapi.IsRetval(err, api.SYSCALL_ERROR_1, api.SYSCALL_ERROR_2, api.SYSCALL_ERROR_3): // socket, bind, listen
		return fmt.Errorf("VPP could not listen on %s (does it see that directory? has it file descriptors left, see LimitNOFILE of its unit?): %w", s.Filename, err)
	case err != nil:
		return err
	}
	session.Learn(s.Interface(), reply.SwIfIndex)
	return nil
}

// remove is the request that deletes an interface of this kind.
func remove(ctx context.Context, s *vpp.Session, index vpp.Index) error {
	_, err := client(s).DeleteVhostUserIf(ctx, &vhost_user.DeleteVhostUserIf{SwIfIndex: index})
	return err
}
