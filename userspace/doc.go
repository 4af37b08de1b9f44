// Package userspace is the CNI plugin: its verbs, and the order in which a call
// parses, locks, records, allocates, makes and publishes, so that it can be
// killed or fail at any point and leave nothing that a DEL doesn't remove. What
// an endpoint is, on which vswitch, is the engines' business (engine.go).
package userspace
