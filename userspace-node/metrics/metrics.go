package metrics

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics is what has happened since the agent's start, and a way to see what is
// now. Its methods may be called by several goroutines at once.
type Metrics struct {
	registry  *prometheus.Registry
	calls     *prometheus.CounterVec
	latency   *prometheus.HistogramVec
	repairs   *prometheus.CounterVec
	restores  prometheus.Histogram
	collected *prometheus.CounterVec
	restarts  *prometheus.CounterVec
}

// callBuckets are seconds, from a call on an idle VPP, about 4 ms, to the
// longest deadline that a call is given.
func callBuckets() []float64 {
	return []float64{.002, .004, .006, .008, .012, .016, .024, .032, .064, .125, .25, .5, 1, 2, 5, 10, 30}
}

// restoreBuckets are seconds, from one endpoint to thousands.
func restoreBuckets() []float64 { return prometheus.ExponentialBuckets(.01, 2, 14) }

// New returns metrics without a past. A scrape calls view, which must not block
// for long.
func New(view func() View) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		calls: counters("calls_total",
			"CNI calls, by the code of the error that they ended with; 0 is success.", "verb", "kind", "code"),
		latency: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: prefix + "call_duration_seconds", Help: "How long CNI calls took, whether they succeeded or not.",
			Buckets: callBuckets(),
		}, []string{"verb"}),
		repairs: counters("repairs_total",
			"Attachments that were found damaged and put right, or were not.", "kind", "network", "result"),
		restores: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: prefix + "restore_duration_seconds", Help: "How long it took to restore all endpoints of a VPP that had restarted.",
			Buckets: restoreBuckets(),
		}),
		collected: counters("collected_total",
			"Leftovers of pods that are gone, by what was removed: an attachment, or an endpoint without one.", "what", "result"),
		restarts: counters("vpp_restarts_total",
			"How often this VPP came back as another process.", "socket"),
	}
	m.registry.MustRegister(m.calls, m.latency, m.repairs, m.restores, m.collected, m.restarts, current(view),
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// prefix starts the name of every metric of ours.
const prefix = "userspace_"

func counters(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: prefix + name, Help: help}, labels)
}

// Handler serves the metrics.
func (m *Metrics) Handler() http.Handler {
	return promhttp.InstrumentMetricHandler(m.registry, promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{}))
}

// Call counts a CNI call (ADD, DEL, ...) that the plugin recorded. Code is its
// error's, 0 for success.
func (m *Metrics) Call(verb, kind string, code uint, took time.Duration) {
	m.calls.WithLabelValues(valid(verb), valid(kind), strconv.FormatUint(uint64(code), 10)).Inc()
	m.latency.WithLabelValues(valid(verb)).Observe(took.Seconds())
}

// Repaired counts an attempt to put a damaged attachment right.
func (m *Metrics) Repaired(kind, network string, ok bool) {
	m.repairs.WithLabelValues(valid(kind), valid(network), result(ok)).Inc()
}

// Restored counts a whole restore after a VPP's restart.
func (m *Metrics) Restored(took time.Duration) { m.restores.Observe(took.Seconds()) }

// Restarted counts that VPP came back at the API socket as another process.
func (m *Metrics) Restarted(socket string) { m.restarts.WithLabelValues(valid(socket)).Inc() }

// Collected counts an attempt to remove a leftover, an "attachment" or an
// "endpoint".
func (m *Metrics) Collected(what string, ok bool) {
	m.collected.WithLabelValues(valid(what), result(ok)).Inc()
}

func result(ok bool) string {
	if ok {
		return "ok"
	}
	return "failed"
}
