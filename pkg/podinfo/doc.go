// Package podinfo reads what the kubelet's downward API tells a container of
// its pod's annotations: the file "annotations" in a volume. It owns the file's
// format; what the annotations hold is pkg/contract's. It reads once, waits for
// nothing, and never talks to the API server.
package podinfo
