// Package metrics shows what the node agent knows: Prometheus metrics, and the
// two health checks beside them. It observes nothing itself: it is given a view
// when a scrape asks, and told what happened in between. It decides nothing.
package metrics
