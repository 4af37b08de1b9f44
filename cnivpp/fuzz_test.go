package cnivpp

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/userspace-cni/userspace-cni/cnivpp/memif"
	"github.com/userspace-cni/userspace-cni/cnivpp/vpp"
	"github.com/userspace-cni/userspace-cni/pkg/netconf"
)

// mark is the secret of the seeds.
const mark = "hush-hush"

// FuzzSpec: a spec of a damaged record that is taken asks VPP for nothing that
// VPP can't mean, and is the same when it is written and read again; one that is
// not tells no secret.
func FuzzSpec(f *testing.F) {
	var intact struct{ Spec json.RawMessage }
	data := read(f, "testdata/plan/intact.json")
	if err := json.Unmarshal(data, &intact); err != nil {
		f.Fatal(err)
	}
	f.Add(string(intact.Spec))
	for _, file := range files(f, "testdata/hostile") {
		f.Add(strings.Replace(string(read(f, file)), `"secret":`, `"secret": "`+mark+`", "secret":`, 1))
	}
	f.Add(strings.Replace(string(intact.Spec), `"ringSize"`, `"secret": "`+mark+strings.Repeat("-", 20)+`", "ringSize"`, 1))
	f.Fuzz(func(t *testing.T, document string) {
		var spec Spec
		if err := json.Unmarshal([]byte(document), &spec); err != nil {
			if strings.Contains(document, `"secret": "`+mark) && strings.Count(document, mark) == 1 && strings.Contains(err.Error(), mark) {
				t.Errorf("tells the secret: %v", err)
			}
			return
		}
		if spec.Endpoint == nil { // null, which is refused where a spec is used
			return
		}
		mustBeBounded(t, spec)
		first, err := json.Marshal(spec)
		if err != nil {
			t.Fatalf("can't be written again: %v", err)
		}
		var again Spec
		if err := json.Unmarshal(first, &again); err != nil {
			t.Fatalf("refused when read again: %v\n%s", err, first)
		}
		if second, err := json.Marshal(again); err != nil || string(first) != string(second) {
			t.Errorf("not the same when read again: %v\n%s\n%s", err, first, second)
		}
		if toward, away := nothing(spec).plan(vpp.Existence).String(), nothing(spec).plan(vpp.Absence).String(); toward == "" || away != "" {
			t.Errorf("from nothing: %q, to nothing: %q", toward, away)
		}
	})
}

func mustBeBounded(t *testing.T, s Spec) {
	t.Helper()
	e, ok := s.Endpoint.(memif.Endpoint)
	ring := e.RingSize == 0 || e.RingSize >= 8 && e.RingSize <= 16384 && e.RingSize&(e.RingSize-1) == 0
	if !ok || !ring || e.SocketID == 0 || e.SocketID == ^uint32(0) || len(e.Secret) > memif.MaxSecret || strings.ContainsAny(e.Filename, "\x00 ~\n") {
		t.Errorf("endpoint %+v", e)
	}
	if s.Tag == "" || len(s.Tag) > vpp.MaxTag || s.MTU > maxMTU {
		t.Errorf("tag %q, mtu %d", s.Tag, s.MTU)
	}
	if s.RxMode != "" && !vpp.IsRxMode(s.RxMode) {
		t.Errorf("rx-mode %q", s.RxMode)
	}
	if d := s.Domain; d != nil && (d.ID == 0 || d.ID > netconf.MaxBridgeDomain || len(d.Uplink) > 63 || len(d.Tag) > vpp.MaxTag) {
		t.Errorf("domain %+v", d)
	}
	if g := s.Gateway; g != nil && (g.Instance > vpp.MaxLoopback || g.Table > netconf.MaxVRF) {
		t.Errorf("gateway %+v", g)
	}
	for _, a := range s.Addresses {
		if !a.IsValid() || a.Addr().Zone() != "" {
			t.Errorf("address %s", a)
		}
	}
	for _, r := range s.Routes {
		if r.Gateway.Zone() != "" {
			t.Errorf("route %s", r)
		}
	}
}
