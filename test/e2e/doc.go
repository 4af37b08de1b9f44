// Package e2e tries everything as its users run it: on a real one-node Kubernetes,
// by the kubelet and Multus, with networks and pods of the examples. It runs by
// "make e2e" alone; see package cluster for what it makes, and where.
package e2e
