package cnivpp

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	interfaces "go.fd.io/govpp/binapi/interface"
	"go.fd.io/govpp/binapi/l2"
	vppmemif "go.fd.io/govpp/binapi/memif"
	"go.uber.org/goleak"

	"github.com/userspace-cni/userspace-cni/cnivpp/vpp"
	"github.com/userspace-cni/userspace-cni/pkg/netconf"
	"github.com/userspace-cni/userspace-cni/pkg/vppsim"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// noLocks: each test has its VPP for itself.
type noLocks struct{}

func (noLocks) Lock(context.Context, string) (func(), error) { return func() {}, nil }

// newEngine starts a simulator; when the test ends it must have nothing.
func newEngine(t *testing.T) (*Engine, Spec) {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "ce") // short enough for a socket
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("unix", filepath.Join(dir, "api.sock"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- vppsim.New(vppsim.Options{}).Serve(ctx, listener) }()
	e := &Engine{Socket: listener.Addr().String(), Locks: noLocks{}, Log: slog.New(slog.DiscardHandler)}
	t.Cleanup(func() {
		if left := have(t, e); left != "" {
			t.Errorf("left on VPP: %s", left)
		}
		stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	id := identity
	id.Socket = filepath.Join(dir, "memif.sock")
	spec, err := HostSpec(side(), id, Numbers{}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	spec.Addresses = []netip.Prefix{netip.MustParsePrefix("10.0.0.1/24"), netip.MustParsePrefix("fd00::1/64")}
	spec.Routes = []vpp.Route{{Prefix: netip.MustParsePrefix("10.9.0.0/16"), Gateway: netip.MustParseAddr("10.0.0.254")}}
	return e, spec
}

func patiently(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// on runs something on the engine's VPP behind its back.
func on(t *testing.T, e *Engine, do func(ctx context.Context, s *vpp.Session) error) {
	t.Helper()
	ctx := patiently(t)
	session, err := vpp.Connect(ctx, e.Socket)
	if err == nil {
		defer session.Close()
		err = do(ctx, session)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// have lists the interfaces, sockets and bridge domains, but for VPP's own.
func have(t *testing.T, e *Engine) string {
	t.Helper()
	text := ""
	on(t, e, func(ctx context.Context, s *vpp.Session) error {
		all, err := s.Interfaces(ctx)
		for _, iface := range all {
			if iface.Index != 0 {
				text += "interface " + iface.Name + "\n"
			}
		}
		if err != nil {
			return err
		}
		dump, err := vppmemif.NewServiceClient(s.Conn()).MemifSocketFilenameDump(ctx, &vppmemif.MemifSocketFilenameDump{})
		if err != nil {
			return err
		}
		err = vpp.Drain(dump.Recv, func(d *vppmemif.MemifSocketFilenameDetails) {
			if d.SocketID != 0 {
				text += "socket " + d.SocketFilename + "\n"
			}
		})
		if err != nil {
			return err
		}
		domains, err := l2.NewServiceClient(s.Conn()).BridgeDomainDump(ctx, &l2.BridgeDomainDump{BdID: ^uint32(0), SwIfIndex: vpp.NoIndex})
		if err != nil {
			return err
		}
		return vpp.Drain(domains.Recv, func(d *l2.BridgeDomainDetails) {
			if d.BdID != 0 {
				text += "domain " + d.BdTag + "\n"
			}
		})
	})
	return text
}

func mustCheck(t *testing.T, e *Engine, spec Spec, want string) {
	t.Helper()
	plan, err := e.Check(patiently(t), spec)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, plan.String()); diff != "" {
		t.Errorf("to be done (-want +got):\n%s", diff)
	}
}

func mustEnsure(t *testing.T, e *Engine, spec Spec, fresh bool) {
	t.Helper()
	if err := e.Ensure(patiently(t), spec, fresh); err != nil {
		t.Fatal(err)
	}
}

func mustRemove(t *testing.T, e *Engine, spec Spec) {
	t.Helper()
	if err := e.Remove(patiently(t), spec); err != nil {
		t.Fatal(err)
	}
}

// TestLife: made, intact although no peer has agreed to its ring size yet, made
// again without effect, removed twice.
func TestLife(t *testing.T) {
	for _, fresh := range []bool{true, false} {
		e, spec := newEngine(t)
		mustEnsure(t, e, spec, fresh)
		mustCheck(t, e, spec, "")
		for _, again := range []bool{true, false} {
			mustEnsure(t, e, spec, again)
			mustCheck(t, e, spec, "")
		}
		mustRemove(t, e, spec)
		mustRemove(t, e, spec)
	}
}

// TestRepair: one thing is changed behind our back; one Ensure makes it good.
func TestRepair(t *testing.T) {
	name := "memif70001/0"
	for what, damage := range map[string]func(ctx context.Context, s *vpp.Session, index vpp.Index) error{
		"down": func(ctx context.Context, s *vpp.Session, index vpp.Index) error {
			_, err := interfaces.NewServiceClient(s.Conn()).SwInterfaceSetFlags(ctx, &interfaces.SwInterfaceSetFlags{SwIfIndex: index})
			return err
		},
		"untagged": func(ctx context.Context, s *vpp.Session, index vpp.Index) error {
			_, err := interfaces.NewServiceClient(s.Conn()).SwInterfaceTagAddDel(ctx, &interfaces.SwInterfaceTagAddDel{SwIfIndex: index})
			return err
		},
		"out of the domain": func(ctx context.Context, s *vpp.Session, index vpp.Index) error {
			_, err := l2.NewServiceClient(s.Conn()).SwInterfaceSetL2Bridge(ctx, &l2.SwInterfaceSetL2Bridge{RxSwIfIndex: index, BdID: 5})
			return err
		},
		"deleted": func(ctx context.Context, s *vpp.Session, index vpp.Index) error {
			_, err := vppmemif.NewServiceClient(s.Conn()).MemifDelete(ctx, &vppmemif.MemifDelete{SwIfIndex: index})
			return err
		},
	} {
		t.Run(what, func(t *testing.T) {
			e, spec := newEngine(t)
			spec.Routes = nil // they don't go with a deleted interface
			mustEnsure(t, e, spec, true)
			on(t, e, func(ctx context.Context, s *vpp.Session) error {
				index, err := s.Index(ctx, name)
				if err != nil {
					return err
				}
				return damage(ctx, s, index)
			})
			if plan, err := e.Check(patiently(t), spec); err != nil || len(plan) == 0 {
				t.Errorf("nothing to repair: %v", err)
			}
			mustEnsure(t, e, spec, false)
			mustCheck(t, e, spec, "")
			mustRemove(t, e, spec)
		})
	}
}

// TestRenew: an endpoint of another role is made anew, whole, in one Ensure.
func TestRenew(t *testing.T) {
	e, spec := newEngine(t)
	mustEnsure(t, e, spec, true)
	other := side()
	other.Memif.Role = netconf.RoleSlave
	id := identity
	id.Socket = filepath.Join(filepath.Dir(e.Socket), "memif.sock")
	changed, err := HostSpec(other, id, Numbers{}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	changed.Addresses, changed.Routes = spec.Addresses, spec.Routes
	mustEnsure(t, e, changed, false)
	mustCheck(t, e, changed, "")
	mustRemove(t, e, changed)
}

// TestForeign: what isn't ours is neither taken nor touched.
func TestForeign(t *testing.T) {
	e, spec := newEngine(t)
	id := identity
	id.Tag, id.Socket = "somebody else's", filepath.Join(filepath.Dir(e.Socket), "theirs.sock")
	theirs, err := HostSpec(side(), id, Numbers{}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	mustEnsure(t, e, theirs, true)
	before := have(t, e)
	for _, fresh := range []bool{true, false} {
		if err := e.Ensure(patiently(t), spec, fresh); err == nil {
			t.Error("took somebody else's")
		}
	}
	mustRemove(t, e, spec)
	if err := e.RemoveTagged(patiently(t), spec.Tag); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff(before, have(t, e)); diff != "" {
		t.Errorf("touched:\n%s", diff)
	}
	if err := e.RemoveTagged(patiently(t), theirs.Tag); err != nil {
		t.Error(err)
	}
}

// TestRemoveTaggedFromForeignDomain: an endpoint that is found by its tag leaves
// the bridge domain that somebody else made.
func TestRemoveTaggedFromForeignDomain(t *testing.T) {
	e, spec := newEngine(t)
	domain := func(add bool) {
		t.Helper()
		on(t, e, func(ctx context.Context, s *vpp.Session) error {
			_, err := l2.NewServiceClient(s.Conn()).BridgeDomainAddDelV2(ctx, &l2.BridgeDomainAddDelV2{IsAdd: add, BdID: spec.Domain.ID, Learn: add})
			return err
		})
	}
	domain(true)
	before := have(t, e)
	mustEnsure(t, e, spec, false)
	if err := e.RemoveTagged(patiently(t), spec.Tag); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff(before, have(t, e)); diff != "" {
		t.Errorf("-before +after:\n%s", diff)
	}
	domain(false)
}

// TestNoVPP: there is nothing to remove where VPP isn't running.
func TestNoVPP(t *testing.T) {
	_, spec := newEngine(t)
	gone := &Engine{Socket: filepath.Join(t.TempDir(), "none"), Locks: noLocks{}, Log: slog.New(slog.DiscardHandler)}
	mustRemove(t, gone, spec)
	if err := gone.RemoveTagged(patiently(t), spec.Tag); err != nil {
		t.Error(err)
	}
	if err := gone.Ensure(patiently(t), spec, true); err == nil {
		t.Error("made on nothing")
	}
}

// TestMessagesAreProbed: every message that a spec's plans send is one that is
// asked for first.
func TestMessagesAreProbed(t *testing.T) {
	_, spec := newEngine(t)
	var names []string
	for _, msg := range spec.messages() {
		names = append(names, msg.GetMessageName())
	}
	slices.Sort(names)
	want := []string{
		"bridge_domain_add_del_v2", "bridge_domain_dump", "ip_address_dump", "ip_route_add_del", "ip_route_lookup",
		"memif_create_v2", "memif_delete", "memif_dump", "memif_socket_filename_add_del_v2", "memif_socket_filename_dump",
		"sw_interface_add_del_address", "sw_interface_dump", "sw_interface_set_flags", "sw_interface_set_l2_bridge",
		"sw_interface_set_mtu", "sw_interface_tag_add_del",
	}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
