package usrspapp

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/userspace-cni/userspace-cni/cnivpp"
	"github.com/userspace-cni/userspace-cni/cnivpp/vpp"
	"github.com/userspace-cni/userspace-cni/pkg/contract"
)

func entries(names ...string) (all []contract.Entry) {
	for _, name := range names {
		all = append(all, entry(name))
	}
	return all
}

func (c *companion) given() map[string]uint32 {
	all := map[string]uint32{}
	for place, n := range c.networks {
		all[place.network] = n.number
	}
	return all
}

// TestNumber: numbers are given in order, stay, are learned from VPP, and are
// given again when they are free.
func TestNumber(t *testing.T) {
	c := newCompanion(&App{})
	for _, step := range []struct {
		what    string
		gone    string
		entries []contract.Entry
		onVPP   map[string]uint32
		want    map[string]uint32
	}{
		{"in order", "", entries("a", "b", "c"), nil, map[string]uint32{"a": 1, "b": 2, "c": 3}},
		{"stay", "a", entries("b", "c"), nil, map[string]uint32{"b": 2, "c": 3}},
		{"the free one", "", entries("d", "b", "c", "e"), nil, map[string]uint32{"b": 2, "c": 3, "d": 1, "e": 4}},
		{"a leftover's is not free", "c", entries("b", "f"), map[string]uint32{"left": 3}, map[string]uint32{"b": 2, "d": 1, "e": 4, "f": 5}},
	} {
		delete(c.networks, slot{step.gone, "net1"})
		c.number(step.entries, step.onVPP)
		if diff := cmp.Diff(step.want, c.given()); diff != "" {
			t.Errorf("%s, -want +got:\n%s", step.what, diff)
		}
	}

	c = newCompanion(&App{})
	c.number(entries("a", "b", "c"), map[string]uint32{tagOf(entry("b")): 1, tagOf(entry("c")): 7})
	if diff := cmp.Diff(map[string]uint32{"a": 2, "b": 1, "c": 7}, c.given()); diff != "" {
		t.Errorf("learned, -want +got:\n%s", diff)
	}
}

// TestNumbersOnVPP: only what usrsp-app itself makes counts, whatever else a VPP
// has, be it the host's.
func TestNumbersOnVPP(t *testing.T) {
	key := cnivpp.TagPrefix + strings.Repeat("a", 19)
	var found []cnivpp.Found
	for name, tag := range map[string]string{
		"memif7/0":                key + "1",
		"loop7":                   key + "1",
		"memif16383/0":            key + "2",
		"memif0/0":                key + "3",
		"memif16384/0":            key + "4", // a host's
		"memif8/1":                key + "5",
		"loop9":                   cnivpp.TagPrefix + "gw:0:aaaaaaaaaaaaaaaaaaaa",
		"memif10/0":               "somebody else's",
		"VirtualEthernet0/0/0":    key + "6",
		"memif99999999999999/0":   key + "7",
		"GigabitEthernet3/0/0.10": cnivpp.TagPrefix + "blue",
	} {
		found = append(found, cnivpp.Found{Interface: vpp.Interface{Name: name, Tag: tag}})
	}
	want := map[string]uint32{key + "1": 7, key + "2": 16383}
	if diff := cmp.Diff(want, numbers(found)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
