package cnivpp

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/userspace-cni/userspace-cni/cnivpp/memif"
	"github.com/userspace-cni/userspace-cni/cnivpp/vpp"
	"github.com/userspace-cni/userspace-cni/pkg/netconf"
	peermemif "github.com/userspace-cni/userspace-cni/pkg/vppsim/memif"
)

// interrupting is the engine with a spec that wants interrupts.
func interrupting(t *testing.T) (*Engine, Spec) {
	t.Helper()
	e, spec := newEngine(t)
	spec.RxMode = netconf.RxInterrupt
	return e, spec
}

const toInterrupts = "set rx-mode of memif70001/0 to interrupt\n"

// connectPeer connects a slave to the endpoint until leave is called.
func connectPeer(spec Spec) (leave func()) {
	endpoint := spec.Endpoint.(memif.Endpoint)
	host := peermemif.NewHost("peer")
	peer := host.Dial(endpoint.Filename, peermemif.Config{
		IfName: "peer", Secret: endpoint.Secret, Log2RingSize: 9, BufferSize: 2048, RxQueues: 1, TxQueues: 2,
		Receive: func([]byte) {}, Link: func(bool) {},
	})
	peer.SetUp(true)
	return func() {
		peer.Close("")
		host.Wait()
	}
}

func mustKeep(t *testing.T, e *Engine) (k *Keeper, linkUps <-chan struct{}) {
	t.Helper()
	k, err := e.Keep(patiently(t))
	if err != nil {
		t.Fatal(err)
	}
	if linkUps, err = k.LinkUps(t.Context()); err != nil {
		t.Fatal(err)
	}
	return k, linkUps
}

func mustSignal(t *testing.T, linkUps <-chan struct{}) {
	t.Helper()
	select {
	case _, ok := <-linkUps:
		if !ok {
			t.Fatal("no more signals")
		}
	case <-patiently(t).Done():
		t.Fatal("no signal that a link is up")
	}
}

// mustFind surveys the one endpoint.
func mustFind(t *testing.T, k *Keeper, spec Spec, want string) {
	t.Helper()
	found := k.Survey(patiently(t), []Spec{spec})[0]
	if found.Err != nil {
		t.Fatal(found.Err)
	}
	if diff := cmp.Diff(want, found.Plan.String()); diff != "" {
		t.Errorf("to be done (-want +got):\n%s", diff)
	}
}

func mustRepair(t *testing.T, k *Keeper, spec Spec) {
	t.Helper()
	ctx := patiently(t)
	repair, err := k.Begin(ctx, []Spec{spec})
	if err != nil {
		t.Fatal(err)
	}
	defer repair.End()
	before := func(int) error {
		t.Error("made anew")
		return nil
	}
	if err := repair.Apply(ctx, []Spec{spec}, before)[0]; err != nil {
		t.Fatal(err)
	}
}

// TestRxMode: without a peer nothing is to be done; each peer that connects is
// signalled, and needs the mode to be set.
func TestRxMode(t *testing.T) {
	e, spec := interrupting(t)
	mustEnsure(t, e, spec, true)
	k, linkUps := mustKeep(t, e)
	mustCheck(t, e, spec, "")
	mustFind(t, k, spec, "")
	for range 2 {
		leave := connectPeer(spec)
		mustSignal(t, linkUps)
		mustCheck(t, e, spec, toInterrupts)
		mustFind(t, k, spec, toInterrupts)
		mustRepair(t, k, spec)
		mustFind(t, k, spec, "")
		mustCheck(t, e, spec, "")
		leave()
	}
	again, err := k.LinkUps(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer connectPeer(spec)()
	mustSignal(t, linkUps)
	mustSignal(t, again)
	mustRemove(t, e, spec)
	if err := k.Close(); err != nil {
		t.Error(err)
	}
	for range linkUps {
		t.Error("a signal after the end")
	}
}

// TestAdjust sets the mode of an endpoint that is else intact, and leaves one that
// has to be made again as it is.
func TestAdjust(t *testing.T) {
	e, spec := interrupting(t)
	mustEnsure(t, e, spec, true)
	k, linkUps := mustKeep(t, e)
	defer k.Close()
	defer connectPeer(spec)()
	mustSignal(t, linkUps)

	other := spec
	other.MTU = 1400
	mtu := "set memif70001/0 mtu 1400\n"
	mustAdjust(t, e, other, mtu)
	mustCheck(t, e, other, mtu+toInterrupts)

	mustAdjust(t, e, spec, "")
	mustCheck(t, e, spec, "")
	mustRemove(t, e, spec)
}

func mustAdjust(t *testing.T, e *Engine, spec Spec, wantRest string) {
	t.Helper()
	rest, err := e.Adjust(patiently(t), spec)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(wantRest, rest.String()); diff != "" {
		t.Errorf("the rest (-want +got):\n%s", diff)
	}
}

// TestRxModeIsTheHosts: whatever a contract says, the pod's end has none; and a VPP
// is asked for no more messages than it takes.
func TestRxModeIsTheHosts(t *testing.T) {
	s := side()
	s.RxMode = netconf.RxAdaptive
	host, err := HostSpec(s, identity, Numbers{}, nil, nil)
	if err != nil || host.RxMode != netconf.RxAdaptive {
		t.Errorf("host's: %q, %v", host.RxMode, err)
	}
	pod, err := NewSpec(s, identity)
	if err != nil || pod.RxMode != "" {
		t.Errorf("pod's: %q, %v", pod.RxMode, err)
	}
	if extra := len(host.messages()) - len(Spec{Endpoint: host.Endpoint, Domain: host.Domain, MTU: host.MTU}.messages()); extra != 2 {
		t.Errorf("%d messages more, want 2", extra)
	}
	if slices.ContainsFunc(pod.parts(), func(p vpp.Part) bool { _, ok := p.(vpp.RxMode); return ok }) {
		t.Error("the pod's end has an rx-mode")
	}
	s.RxMode = "default"
	if _, err := HostSpec(s, identity, Numbers{}, nil, nil); err == nil {
		t.Error("an unknown mode is taken")
	}
}
