package cnivpp

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/userspace-cni/userspace-cni/cnivpp/memif"
	"github.com/userspace-cni/userspace-cni/cnivpp/vcl"
	"github.com/userspace-cni/userspace-cni/cnivpp/vpp"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// seen is what was observed, as testdata describes it.
type seen struct {
	Domain    json.RawMessage `json:"domain"`
	Endpoint  json.RawMessage `json:"endpoint"`
	Interface *vpp.Interface  `json:"interface"`
	Port      json.RawMessage `json:"port"`
	Addresses json.RawMessage `json:"addresses"`
	Routes    json.RawMessage `json:"routes"`
	RxModes   json.RawMessage `json:"rxModes"`
	Session   json.RawMessage `json:"session"`
	Table     json.RawMessage `json:"table"`
	InTable   json.RawMessage `json:"inTable"`
	Namespace json.RawMessage `json:"namespace"`
}

// TestPlan turns every file of testdata/plan into the two plans that start from
// what was observed.
func TestPlan(t *testing.T) {
	for _, file := range files(t, "testdata/plan") {
		t.Run(filepath.Base(file), func(t *testing.T) {
			var doc struct {
				Spec Spec `json:"spec"`
				Seen seen `json:"seen"`
			}
			if err := json.Unmarshal(read(t, file), &doc); err != nil {
				t.Fatal(err)
			}
			state := doc.Seen.state(t, doc.Spec)
			got := fmt.Sprintf("to existence:\n%sto absence:\n%s", state.toward(doc.Spec), state.plan(vpp.Absence))
			golden := strings.TrimSuffix(file, ".json") + ".golden"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(string(read(t, golden)), got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// state is what Observe would have returned.
func (s seen) state(t *testing.T, spec Spec) state {
	t.Helper()
	all := nothing(spec)
	for i, part := range all {
		switch o := part.(type) {
		case vpp.DomainState:
			decode(t, s.Domain, &o)
			all[i] = o
		case memif.State:
			decode(t, s.Endpoint, &o)
			all[i] = o
		case vpp.LinkState:
			o.Seen = s.Interface
			all[i] = o
		case vpp.PortState:
			decode(t, s.Port, &o)
			all[i] = o
		case vpp.AddressesState:
			decode(t, s.Addresses, &o.Seen)
			all[i] = o
		case vpp.UpState:
			o.Seen = s.Interface
			all[i] = o
		case vpp.RxModeState:
			decode(t, s.RxModes, &o.Seen)
			all[i] = o
		case vpp.RoutesState:
			decode(t, s.Routes, &o.Seen)
			all[i] = o
		case vpp.SessionLayerState:
			decode(t, s.Session, &o)
			all[i] = o
		case vpp.TableState:
			decode(t, s.Table, &o)
			all[i] = o
		case vcl.State:
			decode(t, s.Endpoint, &o)
			all[i] = o
		case vpp.InTableState:
			decode(t, s.InTable, &o)
			all[i] = o
		case vcl.NamespaceState:
			decode(t, s.Namespace, &o)
			all[i] = o
		default:
			t.Fatalf("testdata can't describe a %T", part)
		}
	}
	return all
}

func decode(t *testing.T, raw json.RawMessage, into any) {
	t.Helper()
	if raw == nil {
		return
	}
	if err := json.Unmarshal(raw, into); err != nil {
		t.Fatal(err)
	}
}

// TestPlanOrder: whatever was observed, what another step needs comes before it.
func TestPlanOrder(t *testing.T) {
	for _, file := range files(t, "testdata/plan") {
		text := string(read(t, strings.TrimSuffix(file, ".json")+".golden"))
		made, removed, _ := strings.Cut(text, "to absence:\n")
		for _, order := range []struct{ in, first, then string }{
			{made, "create bridge-domain", "to bridge-domain"},
			{made, "create memif socket", "create memif7"},
			{made, "create memif7", "tag memif7"},
			{made, "tag memif7", "to bridge-domain"},
			{made, "add address", " up\n"},
			{made, " up\n", "add route"},
			{removed, "delete route", "delete memif7"},
			{removed, "delete memif7", "delete memif socket"},
			{removed, "delete memif socket", "delete bridge-domain"},
			{made, "enable the session layer's socket API", "enable the session layer\n"},
			{made, "enable the session layer\n", "add app namespace"},
			{made, "set loop5000 table", "add address"},
			{made, "delete app namespace", "add app namespace"},
			{made, "add address", "add app namespace"},
			{removed, "delete app namespace", "delete loop5000"},
			{removed, "delete loop5000", "delete table"},
		} {
			first, then := strings.LastIndex(order.in, order.first), strings.LastIndex(order.in, order.then)
			if first >= 0 && then >= 0 && first > then {
				t.Errorf("%s: %q comes after %q:\n%s", file, order.first, order.then, order.in)
			}
		}
	}
}

func files(t testing.TB, dir string) []string {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil || len(all) == 0 {
		t.Fatalf("no files in %s: %v", dir, err)
	}
	return all
}

func read(t testing.TB, file string) []byte {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
