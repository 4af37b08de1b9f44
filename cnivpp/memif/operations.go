package memif

import (
	"context"
	"fmt"

	"go.fd.io/govpp/api"
	vppmemif "go.fd.io/govpp/binapi/memif"

	"github.com/userspace-cni/userspace-cni/cnivpp/vpp"
	"github.com/userspace-cni/userspace-cni/pkg/vppapi"
)

// Messages are those that VPP must have for an endpoint of this kind.
func (Endpoint) Messages() []api.Message {
	return []api.Message{
		&vppmemif.MemifSocketFilenameAddDelV2{}, &vppmemif.MemifCreateV2{}, &vppmemif.MemifDelete{},
		&vppmemif.MemifDump{}, &vppmemif.MemifSocketFilenameDump{},
	}
}

func client(s *vpp.Session) vppmemif.RPCService { return vppmemif.NewServiceClient(s.Conn()) }

// socketFilename returns what a socket id stands for, or nothing.
func socketFilename(ctx context.Context, s *vpp.Session, id uint32) (string, error) {
	all, err := vpp.Once(ctx, s, "memif sockets", dumpSockets)
	return all[id], err
}

func dumpSockets(ctx context.Context, s *vpp.Session) (map[uint32]string, error) {
	dump, err := client(s).MemifSocketFilenameDump(ctx, &vppmemif.MemifSocketFilenameDump{})
	if err != nil {
		return nil, fmt.Errorf("dump memif sockets: %w", err)
	}
	all := map[uint32]string{}
	err = vpp.Drain(dump.Recv, func(d *vppmemif.MemifSocketFilenameDetails) { all[d.SocketID] = d.SocketFilename })
	if err != nil {
		return nil, fmt.Errorf("dump memif sockets: %w", err)
	}
	return all, nil
}

// details returns what VPP says of one memif interface, or nil.
func details(ctx context.Context, s *vpp.Session, index vpp.Index) (*vppmemif.MemifDetails, error) {
	all, err := vpp.Once(ctx, s, "memif interfaces", dumpInterfaces)
	return all[index], err
}

func dumpInterfaces(ctx context.Context, s *vpp.Session) (map[vpp.Index]*vppmemif.MemifDetails, error) {
	dump, err := client(s).MemifDump(ctx, &vppmemif.MemifDump{})
	if err != nil {
		return nil, fmt.Errorf("dump memif interfaces: %w", err)
	}
	all := map[vpp.Index]*vppmemif.MemifDetails{}
	err = vpp.Drain(dump.Recv, func(d *vppmemif.MemifDetails) { all[d.SwIfIndex] = d })
	if err != nil {
		return nil, fmt.Errorf("dump memif interfaces: %w", err)
	}
	return all, nil
}

type createSocket struct {
	id       uint32
	filename string
}

func (s createSocket) String() string {
	return fmt.Sprintf("create memif socket %d %s", s.id, s.filename)
}

// Apply relies on the id being ours to choose: an add that is already there is
// silently OK, and one with another filename is refused.
func (s createSocket) Apply(ctx context.Context, session *vpp.Session) error {
	_, err := client(session).MemifSocketFilenameAddDelV2(ctx, &vppmemif.MemifSocketFilenameAddDelV2{
		IsAdd: true, SocketID: s.id, SocketFilename: s.filename,
	})
	if vppapi.IsRetval(err, api.ENTRY_ALREADY_EXISTS) {
		return fmt.Errorf("%w: %w", vpp.ErrIDTaken, err)
	}
	return err
}

type deleteSocket struct {
	id       uint32
	filename string
}

func (s deleteSocket) String() string {
	return fmt.Sprintf("delete memif socket %d %s", s.id, s.filename)
}

func (s deleteSocket) Apply(ctx context.Context, session *vpp.Session) error {
	_, err := client(session).MemifSocketFilenameAddDelV2(ctx, &vppmemif.MemifSocketFilenameAddDelV2{SocketID: s.id})
	// VPP's answer for an id that isn't there.
	if vppapi.IsRetval(err, api.INVALID_ARGUMENT) {
		return nil
	}
	return err
}

type createInterface struct{ Endpoint }

func (s createInterface) String() string {
	return fmt.Sprintf("create %s %s %s", s.Interface(), s.Role, s.Mode)
}

func (s createInterface) Apply(ctx context.Context, session *vpp.Session) error {
	request, err := s.message()
	if err != nil {
		return err
	}
	reply, err := client(session).MemifCreateV2(ctx, request)
	switch {
	case vppapi.IsRetval(err, api.SUBIF_ALREADY_EXISTS):
		return fmt.Errorf("%w: %w", vpp.ErrExists, err)
	case vppapi.IsRetval(err, api.SYSCALL_ERROR_4): // clib_socket_init failed
		return fmt.Errorf("VPP could not listen on %s (does it see that directory? has it file descriptors left, see LimitNOFILE of its unit?): %w", s.Filename, err)
	case err != nil:
		return err
	}
	session.Learn(s.Interface(), reply.SwIfIndex)
	return nil
}

// remove is the request that deletes an interface of this kind.
func remove(ctx context.Context, s *vpp.Session, index vpp.Index) error {
	_, err := client(s).MemifDelete(ctx, &vppmemif.MemifDelete{SwIfIndex: index})
	return err
}
