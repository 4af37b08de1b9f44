// Package node is the node agent: it keeps what the CNI plugin has made. No call
// follows when VPP restarts, or when a pod goes without a DEL; the agent makes
// the endpoints again, and takes away what nobody uses. It does both by the
// plugin's own code and under its locks (userspace.Caretaker), and shows how the
// node is by metrics, probes and events.
package node
