package stats

import (
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"time"

	"go.fd.io/govpp/adapter"
	"go.fd.io/govpp/adapter/statsclient"
)

// What is read: every interface's name, and its counters by links that have its
// name, slashes replaced, and lead to one element of the vectors of all. The
// names alone don't do: VPP keeps those of deleted interfaces (before 24.02), and
// then the same name may stand there twice.
const (
	names  = "/if/names"
	links  = "/interfaces/"
	wanted = `^/if/names$|^/interfaces/[^/]+/(rx|tx|drops)$`
)

// An interface that is made or deleted while we read spoils the reading.
const (
	attempts = 20
	pause    = 5 * time.Millisecond
)

// answer is what a reader found.
type answer struct {
	counters map[string]Counters
	err      error
}

// read connects, reads once and leaves. A connection is not kept: the memory of
// a VPP that was killed stays readable, with counters that stand still for ever.
func read(path string) (a answer) {
	// The memory is VPP's, which may move what we follow a pointer to. A fault
	// there must not end the program.
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if fault := recover(); fault != nil {
			a = answer{err: fmt.Errorf("read the stats segment of %s: %v", path, fault)}
		}
	}()
	client := statsclient.NewStatsClient(path)
	if err := client.Connect(); err != nil {
		return answer{err: fmt.Errorf("connect to VPP's stats socket %s: %w", path, err)}
	}
	defer func() { _ = client.Disconnect() }()
	counters, err := dump(client)
	if err != nil {
		return answer{err: fmt.Errorf("read the stats segment of %s: %w", path, err)}
	}
	return answer{counters: counters}
}

func dump(client adapter.StatsAPI) (map[string]Counters, error) {
	var entries []adapter.StatEntry
	var err error
	for range attempts {
		entries, err = client.DumpStats(wanted)
		if !errors.Is(err, adapter.ErrStatsDataBusy) && !errors.Is(err, adapter.ErrStatsAccessFailed) {
			break
		}
		time.Sleep(pause)
	}
	if err != nil {
		return nil, err
	}
	return byName(entries)
}

// byName finds each interface's counters. A name without links is a deleted
// interface's.
func byName(entries []adapter.StatEntry) (map[string]Counters, error) {
	data := map[string]adapter.Stat{}
	for _, entry := range entries {
		data[string(entry.Name)] = entry.Data
	}
	interfaces, ok := data[names].(adapter.NameStat)
	if !ok {
		return nil, fmt.Errorf("there is no %s in it", names)
	}
	counters := map[string]Counters{}
	for _, name := range interfaces {
		dir := links + strings.ReplaceAll(string(name), "/", "_")
		if _, exists := data[dir+"/rx"]; !exists {
			continue
		}
		var c Counters
		c.RxPackets, c.RxBytes = combined(data[dir+"/rx"])
		c.TxPackets, c.TxBytes = combined(data[dir+"/tx"])
		c.Drops = simple(data[dir+"/drops"])
		counters[string(name)] = c
	}
	return counters, nil
}

// combined sums one interface's packets and bytes over the threads.
func combined(stat adapter.Stat) (packets, bytes uint64) {
	threads, _ := stat.(adapter.CombinedCounterStat)
	for _, thread := range threads {
		for _, counter := range thread {
			packets += counter.Packets()
			bytes += counter.Bytes()
		}
	}
	return packets, bytes
}

func simple(stat adapter.Stat) (sum uint64) {
	threads, _ := stat.(adapter.SimpleCounterStat)
	for _, thread := range threads {
		for _, counter := range thread {
			sum += uint64(counter)
		}
	}
	return sum
}
