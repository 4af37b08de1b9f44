package vpp

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"go.fd.io/govpp/binapi/fib_types"
	"go.fd.io/govpp/binapi/ip"
	"go.fd.io/govpp/binapi/ip_types"
)

// note is a step that notes that it was done.
type note struct {
	name string
	err  error
	done *[]string
}

func (n note) String() string { return n.name }

func (n note) Apply(context.Context, *Session) error {
	*n.done = append(*n.done, n.name)
	return n.err
}

func TestApply(t *testing.T) {
	broken := errors.New("broken")
	for _, all := range []bool{false, true} {
		var done []string
		plan := Plan{note{"one", nil, &done}, note{"two", broken, &done}, note{"three", broken, &done}}
		if plan.String() != "one\ntwo\nthree\n" || Plan(nil).String() != "" {
			t.Errorf("text %q", plan.String())
		}
		apply, want, failed := plan.Apply, []string{"one", "two"}, []string{"two: broken"}
		if all {
			apply, want, failed = plan.ApplyAll, []string{"one", "two", "three"}, []string{"two: broken", "three: broken"}
		}
		err := apply(t.Context(), nil)
		if !errors.Is(err, broken) || err.Error() != strings.Join(failed, "\n") || !slices.Equal(done, want) {
			t.Errorf("all %t: done %q, error %v", all, done, err)
		}
		if err := (Plan{}).Apply(t.Context(), nil); err != nil {
			t.Error(err)
		}
	}
}

func TestPrefixRoundTrip(t *testing.T) {
	for _, text := range []string{"0.0.0.0/0", "10.0.0.1/32", "255.255.255.255/1", "::/0", "fd00::1/64", "::1/128"} {
		prefix := netip.MustParsePrefix(text)
		if back := fromPrefix(toPrefix(prefix)); back != prefix {
			t.Errorf("%s came back as %s", prefix, back)
		}
	}
}

// TestPathsOver: only ordinary paths over our own interface are ours; a prefix
// may have others' as well.
func TestPathsOver(t *testing.T) {
	const index = 3
	for _, text := range []string{"10.0.0.0/8 10.1.1.1", "10.0.0.0/8", "fd00::/16 fd00::1", "fd00::/16"} {
		prefix, gateway, _ := strings.Cut(text, " ")
		want := Route{Prefix: netip.MustParsePrefix(prefix)}
		if gateway != "" {
			want.Gateway = netip.MustParseAddr(gateway)
		}
		ours := want.path(index)
		others, drop := ours, ours
		others.SwIfIndex = 4
		drop.Type = fib_types.FIB_API_PATH_TYPE_DROP
		got := pathsOver(ip.IPRoute{
			Prefix: ip_types.Prefix(toPrefix(want.Prefix)), Paths: []fib_types.FibPath{others, ours, drop},
		}, index)
		if !slices.Equal(got, []Route{want}) {
			t.Errorf("%s: %v", text, got)
		}
	}
}

func TestLongTag(t *testing.T) {
	err := setTag{"memif1/0", strings.Repeat("x", MaxTag+1)}.Apply(t.Context(), nil)
	if err == nil || !strings.Contains(err.Error(), "64 bytes") {
		t.Errorf("error %v", err)
	}
}
