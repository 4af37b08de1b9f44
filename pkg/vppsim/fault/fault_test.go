package fault_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.fd.io/govpp/api"
	memifapi "go.fd.io/govpp/binapi/memif"

	"github.com/userspace-cni/userspace-cni/pkg/vppsim/fault"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]fault.Fault{
		"refuse:3":                     {Action: fault.Refuse, N: 3, Retval: -1},
		"refuse:3=-12":                 {Action: fault.Refuse, N: 3, Retval: -12},
		"hang:memif_create_v2":         {Action: fault.Hang, Message: "memif_create_v2", N: 1, Retval: -1},
		"die:memif_create_v2:2":        {Action: fault.Die, Message: "memif_create_v2", N: 2, Retval: -1},
		"refuse:memif_create_v2:2=-14": {Action: fault.Refuse, Message: "memif_create_v2", N: 2, Retval: -14},
	} {
		got, err := fault.Parse(text)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v %s", text, err, diff)
		}
	}
	for _, text := range []string{
		"", "refuse", "refuse:", "refuse:0", "refuse:-1", "boil:3", "die:x:y", "die:x:0", "die:3=-1",
		"refuse:3=0", "refuse:3=5", "refuse:3=x", "die:a:b:3", "hang::2",
	} {
		if f, err := fault.Parse(text); err == nil {
			t.Errorf("%q parses: %+v", text, f)
		}
	}
}

func TestInjector(t *testing.T) {
	i := fault.NewInjector(
		fault.Fault{Action: fault.Refuse, N: 2},
		fault.Fault{Action: fault.Refuse, Message: "b", N: 2},
		fault.Fault{Action: fault.Hang, N: 5},
	)
	var got []fault.Action
	for _, name := range []string{"a", "b", "a", "b", "a", "a"} {
		action, _ := i.Next(name)
		got = append(got, action)
	}
	want := []fault.Action{fault.Pass, fault.Refuse, fault.Pass, fault.Refuse, fault.Hang, fault.Hang}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestRefusal(t *testing.T) {
	var want api.Message = &memifapi.MemifCreateV2Reply{Retval: -14}
	if diff := cmp.Diff(want, fault.Refusal(&memifapi.MemifCreateV2{}, -14)); diff != "" {
		t.Error(diff)
	}
	if m := fault.Refusal(&memifapi.MemifDump{}, -14); m != nil {
		t.Errorf("a dump is refused with %T", m)
	}
}
