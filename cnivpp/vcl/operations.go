package vcl

import (
	"context"
	"errors"
	"fmt"

	"go.fd.io/govpp/api"
	interfaces "go.fd.io/govpp/binapi/interface"
	"go.fd.io/govpp/binapi/session"
	"go.fd.io/govpp/binapi/vlib"

	"github.com/userspace-cni/userspace-cni/cnivpp/vpp"
	"github.com/userspace-cni/userspace-cni/pkg/vppapi"
)

// Messages are those that VPP must have for an endpoint of this kind. Every release
// that has the fourth message for namespaces has the third.
func (Endpoint) Messages() []api.Message {
	return []api.Message{
		&interfaces.CreateLoopbackInstance{}, &interfaces.DeleteLoopback{}, &vlib.CliInband{},
		&session.SessionSapiEnableDisable{}, &session.SessionEnableDisable{}, &session.AppNamespaceAddDelV3{},
	}
}

type createInterface struct{ Endpoint }

func (s createInterface) String() string { return vpp.CreateLoopback(s.Instance, s.MAC).String() }

func (s createInterface) Apply(ctx context.Context, session *vpp.Session) error {
	err := vpp.CreateLoopback(s.Instance, s.MAC).Apply(ctx, session)
	if errors.Is(err, vpp.ErrLoopbackTaken) { // by us or by somebody else: a look tells
		return fmt.Errorf("%w: %s", vpp.ErrExists, s.Interface())
	}
	return err
}

// changeNamespace asks VPP by the newest message that it has.
func changeNamespace(ctx context.Context, s *vpp.Session, add bool, id string, index vpp.Index, socket string) error {
	client := session.NewServiceClient(s.Conn())
	if s.Supports(&session.AppNamespaceAddDelV4{}) == nil {
		_, err := client.AppNamespaceAddDelV4(ctx, &session.AppNamespaceAddDelV4{
			IsAdd: add, SwIfIndex: index, NamespaceID: id, SockName: socket,
		})
		return err
	}
	_, err := client.AppNamespaceAddDelV3(ctx, &session.AppNamespaceAddDelV3{
		IsAdd: add, SwIfIndex: index, NamespaceID: id, SockName: socket,
	})
	return err
}

type addNamespace struct{ Namespace }

func (s addNamespace) String() string {
	return fmt.Sprintf("add app namespace %s on %s with socket %s", s.id(), s.Interface, s.Socket)
}

// Apply makes the namespace under the first id that isn't one of a broken one.
// Before it asks VPP it makes sure, as far as it can, that VPP will succeed: a
// namespace whose socket could not be made is there for as long as VPP runs.
func (s addNamespace) Apply(ctx context.Context, session *vpp.Session) error {
	index, err := session.Index(ctx, s.Interface)
	if err != nil {
		return err
	}
	for _, id := range s.ids() {
		found, err := session.AppNamespace(ctx, id)
		switch {
		case err != nil:
			return err
		case found == nil:
			if err := s.possible(session); err != nil {
				return err
			}
			return s.explain(changeNamespace(ctx, session, true, id, index, s.Socket))
		case isBroken(found):
			continue
		case found.Interface == s.Interface && found.Socket == s.Socket:
			return nil
		}
		return fmt.Errorf("%w: app namespace %s on %s with socket %s", vpp.ErrExists, id, found.Interface, found.Socket)
	}
	return fmt.Errorf("VPP has %d broken app namespaces of this attachment, which only its restart removes", maxBroken)
}

// explain says what VPP's refusal mostly means.
func (s addNamespace) explain(err error) error {
	if refused := api.VPPApiError(0); errors.As(err, &refused) {
		return fmt.Errorf("VPP could not listen on %s (does it see that path? has it CAP_SYS_ADMIN, and file descriptors left?): %w", s.Socket, err)
	}
	return err
}

type deleteNamespace struct{ id, why string }

func (s deleteNamespace) String() string {
	if s.why != "" {
		return fmt.Sprintf("delete app namespace %s, %s", s.id, s.why)
	}
	return "delete app namespace " + s.id
}

// prerequisite: a namespace that outlives its loopback stays on an index that VPP
// gives to another interface.
func (s deleteNamespace) Prerequisite() {}

// Apply takes both answers for an absent namespace: 23.06 has another one than
// 24.02 and later.
func (s deleteNamespace) Apply(ctx context.Context, session *vpp.Session) error {
	err := changeNamespace(ctx, session, false, s.id, vpp.NoIndex, "")
	if vppapi.IsRetval(err, api.INVALID_VALUE, sessionInvalid) {
		return nil
	}
	return err
}

// sessionInvalid is SESSION_E_INVALID (src/vnet/session/session_types.h), which
// releases from 24.02 on answer in the place of an API error.
const sessionInvalid = api.VPPApiError(-19)
