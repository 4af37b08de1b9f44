package metrics

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/userspace-cni/userspace-cni/userspace-node/stats"
)

// current collects what is now. It keeps nothing between two scrapes, so what
// is gone from the view is gone from the metrics.
type current func() View

var (
	attachments = describe("attachments", "Attachments of this node, by the state that they were last seen in.", "kind", "network", "state")
	orphans     = describe("orphans", "Endpoints of ours on VPP that belong to no attachment.")
	up          = describe("vpp_up", "Whether this VPP answers.", "socket")
	info        = describe("vpp_info", "The version of this VPP, always 1.", "socket", "version")
	uptime      = describe("vpp_uptime_seconds", "How long this VPP has run.", "socket")
)

// endpointMetric is one counter of each endpoint.
type endpointMetric struct {
	desc *prometheus.Desc
	of   func(stats.Counters) uint64
}

// Counted from the host VPP's point of view, as its own "show interface" does.
var endpointMetrics = []endpointMetric{
	endpoint("receive_packets_total", "Packets that the host's VPP has received from the endpoint: what the pod has sent.",
		func(c stats.Counters) uint64 { return c.RxPackets }),
	endpoint("receive_bytes_total", "Bytes that the host's VPP has received from the endpoint: what the pod has sent.",
		func(c stats.Counters) uint64 { return c.RxBytes }),
	endpoint("transmit_packets_total", "Packets that the host's VPP has transmitted to the endpoint: what was sent to the pod.",
		func(c stats.Counters) uint64 { return c.TxPackets }),
	endpoint("transmit_bytes_total", "Bytes that the host's VPP has transmitted to the endpoint: what was sent to the pod.",
		func(c stats.Counters) uint64 { return c.TxBytes }),
	endpoint("drops_total", "Packets that the host's VPP has dropped, of those from the endpoint and of those to it.",
		func(c stats.Counters) uint64 { return c.Drops }),
}

func endpoint(name, help string, of func(stats.Counters) uint64) endpointMetric {
	return endpointMetric{describe("endpoint_"+name, help, "namespace", "pod", "interface", "network", "endpoint"), of}
}

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(prefix+name, help, labels, nil)
}

// Describe implements prometheus.Collector.
func (current) Describe(descs chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{attachments, orphans, up, info, uptime} {
		descs <- desc
	}
	for _, metric := range endpointMetrics {
		descs <- metric.desc
	}
}

// Collect implements prometheus.Collector. The same labels twice make all of a
// scrape fail, so each metric goes through a set of labels.
func (c current) Collect(out chan<- prometheus.Metric) {
	view := c()
	states := set{}
	for _, a := range view.Attachments {
		states.add(1, a.Kind, a.Network, a.State)
	}
	states.send(out, attachments, prometheus.GaugeValue)
	out <- prometheus.MustNewConstMetric(orphans, prometheus.GaugeValue, float64(view.Orphans))
	vswitches := bySocket(view.Vswitches)
	sendVswitches(out, vswitches)
	sendEndpoints(out, view.Attachments, vswitches)
}

// bySocket leaves one of each. One that answers goes before one that doesn't.
func bySocket(all []Vswitch) map[string]Vswitch {
	unique := map[string]Vswitch{}
	for _, v := range all {
		if known, twice := unique[v.Socket]; !twice || v.Up && !known.Up {
			unique[v.Socket] = v
		}
	}
	return unique
}

func sendVswitches(out chan<- prometheus.Metric, vswitches map[string]Vswitch) {
	ups, infos, uptimes := set{}, set{}, set{}
	for _, v := range vswitches {
		ups.put(0, v.Socket)
		if !v.Up {
			continue
		}
		ups.put(1, v.Socket)
		uptimes.put(v.Uptime.Seconds(), v.Socket)
		if v.Release != "" {
			infos.put(1, v.Socket, v.Release)
		}
	}
	ups.send(out, up, prometheus.GaugeValue)
	infos.send(out, info, prometheus.GaugeValue)
	uptimes.send(out, uptime, prometheus.GaugeValue)
}

// sendEndpoints sends the counters of each endpoint once, and of those that have
// the same labels, on two VPPs, the larger: a sum would jump when one goes.
func sendEndpoints(out chan<- prometheus.Metric, all []Attachment, vswitches map[string]Vswitch) {
	for _, metric := range endpointMetrics {
		values := set{}
		for _, a := range all {
			if c, counted := vswitches[a.Socket].Counters[a.Interface]; counted {
				values.put(float64(metric.of(c)), a.Namespace, a.Pod, a.IfName, a.Network, a.Interface)
			}
		}
		values.send(out, metric.desc, prometheus.CounterValue)
	}
}

// set holds one value for each combination of labels.
type set map[string]sample

type sample struct {
	labels []string
	value  float64
}

// add adds to the value of the labels.
func (s set) add(value float64, labels ...string) {
	key, labels := identity(labels)
	s[key] = sample{labels, s[key].value + value}
}

// put keeps the largest of the labels' values.
func (s set) put(value float64, labels ...string) {
	key, labels := identity(labels)
	s[key] = sample{labels, max(s[key].value, value)}
}

// identity returns a key that no other labels have, and the labels as Prometheus
// takes them.
func identity(labels []string) (key string, taken []string) {
	for _, label := range labels {
		taken = append(taken, valid(label))
	}
	return strings.Join(taken, "\xff"), taken // which is never valid text
}

// valid replaces what is no text: a label with it makes all of a scrape fail.
func valid(label string) string { return strings.ToValidUTF8(label, "�") }

func (s set) send(out chan<- prometheus.Metric, desc *prometheus.Desc, kind prometheus.ValueType) {
	for _, one := range slices.SortedFunc(maps.Values(s), func(a, b sample) int { return slices.CompareFunc(a.labels, b.labels, cmp.Compare) }) {
		out <- prometheus.MustNewConstMetric(desc, kind, one.value, one.labels...)
	}
}
