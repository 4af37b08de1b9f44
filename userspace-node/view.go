package node

import (
	"path/filepath"
	"time"

	"github.com/userspace-cni/userspace-cni/userspace"
	"github.com/userspace-cni/userspace-cni/userspace-node/metrics"
	"github.com/userspace-cni/userspace-cni/userspace-node/stats"
)

// view is what the metrics show.
func (a *agent) view() metrics.View {
	records, _ := a.care.Records()
	shown := metrics.View{}
	a.mu.Lock()
	shown.Orphans = a.orphans
	var vswitches []*vswitch
	for _, v := range a.vswitches {
		vswitches = append(vswitches, v)
	}
	damaged := a.damaged
	a.mu.Unlock()
	seen := map[string]userspace.Health{}
	for _, v := range vswitches {
		one, health := v.view()
		shown.Vswitches = append(shown.Vswitches, one)
		for _, h := range health {
			seen[h.Key()] = h
		}
	}
	for _, r := range records {
		h, known := seen[r.Key()]
		one := metrics.Attachment{
			Kind: h.Summary.Kind, Network: r.Network, State: "unknown", IfName: r.IfName, Interface: h.Summary.Interface, Socket: r.Socket, Pod: userspace.PodOf(r),
		}
		if r.Pod != nil {
			one.Namespace, one.Pod = r.Pod.Namespace, r.Pod.Name
		}
		switch {
		case !r.Done:
			one.State = "incomplete"
		case r.Off:
			one.State = "off"
		case known:
			one.State = stateOf(h)
		}
		shown.Attachments = append(shown.Attachments, one)
	}
	for range damaged {
		shown.Attachments = append(shown.Attachments, metrics.Attachment{State: "damaged"})
	}
	return shown
}

func stateOf(h userspace.Health) string {
	switch {
	case h.Err != nil:
		return "unknown"
	case !h.Exists:
		return "missing"
	case !h.Up:
		return "disabled"
	case !h.Seen.Link:
		return "down"
	}
	return "up"
}

// view is what the metrics show of one vswitch, and of what is on it.
func (v *vswitch) view() (metrics.Vswitch, []userspace.Health) {
	v.mu.Lock()
	defer v.mu.Unlock()
	shown := metrics.Vswitch{Socket: v.where.Socket(), Up: v.up}
	if !v.up {
		return shown, nil
	}
	shown.Release, shown.Uptime = v.instance.Release, v.instance.Uptime+time.Since(v.since)
	if v.segment == nil {
		segment, err := stats.Open(v.statsSocket())
		if err != nil {
			v.Log.Debug("no counters", "err", err)
			return shown, v.health
		}
		v.segment = segment
	}
	counters, err := v.segment.Interfaces()
	if err != nil {
		v.Log.Debug("no counters", "err", err)
	}
	shown.Counters = counters
	return shown, v.health
}

func (v *vswitch) statsSocket() string {
	if v.StatsSocket != "" && v.where.Socket() == filepath.Clean(v.APISocket) {
		return v.StatsSocket
	}
	return filepath.Join(filepath.Dir(v.where.Socket()), "stats.sock")
}
