package stats

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.fd.io/govpp/adapter"
)

// canned is a stats client that gives its answers one after another.
type canned struct {
	adapter.StatsAPI
	errs    []error
	entries []adapter.StatEntry
}

func (c *canned) DumpStats(...string) ([]adapter.StatEntry, error) {
	if len(c.errs) > 0 {
		err := c.errs[0]
		c.errs = c.errs[1:]
		return nil, err
	}
	return c.entries, nil
}

func entry(name string, data adapter.Stat) adapter.StatEntry {
	return adapter.StatEntry{StatIdentifier: adapter.StatIdentifier{Name: []byte(name)}, Data: data}
}

// segment is that of a VPP with two threads and three interfaces, two of which
// were deleted: one left its name, the other the name of its successor.
func segment() []adapter.StatEntry {
	return []adapter.StatEntry{
		entry(names, adapter.NameStat{[]byte("local0"), []byte("memif70001/0"), []byte("deleted"), []byte("memif70001/0"), nil}),
		entry("/interfaces/local0/rx", adapter.CombinedCounterStat{{{0, 0}}, {{0, 0}}}),
		entry("/interfaces/local0/tx", adapter.CombinedCounterStat{{{0, 0}}, {{0, 0}}}),
		entry("/interfaces/local0/drops", adapter.SimpleCounterStat{{5}, {2}}),
		entry("/interfaces/memif70001_0/rx", adapter.CombinedCounterStat{{{3, 300}}, {}}),
		entry("/interfaces/memif70001_0/tx", adapter.CombinedCounterStat{{{1, 100}}, {{4, 400}}}),
		entry("/interfaces/memif70001_0/drops", adapter.SimpleCounterStat{{1}, {1}}),
	}
}

func TestDump(t *testing.T) {
	got, err := dump(&canned{entries: segment(), errs: []error{adapter.ErrStatsDataBusy, adapter.ErrStatsAccessFailed}})
	want := map[string]Counters{
		"local0":       {Drops: 7},
		"memif70001/0": {RxPackets: 3, RxBytes: 300, TxPackets: 5, TxBytes: 500, Drops: 2},
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("error %v, difference:\n%s", err, diff)
	}
}

func TestDumpOfOtherThings(t *testing.T) {
	broken := errors.New("broken")
	if _, err := dump(&canned{errs: []error{broken}}); !errors.Is(err, broken) {
		t.Errorf("error %v, want it at once", err)
	}
	if _, err := dump(&canned{}); err == nil {
		t.Error("a segment without interface names passes for one without interfaces")
	}
}
