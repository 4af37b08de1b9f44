// Package install puts the plugin on a node and keeps it there: its program in the
// node's CNI directory, and credentials for the API server, which are renewed. It
// also takes both away again, once no pod needs them.
//
// One installer of a node is at work at a time. Another one, as there is while a
// DaemonSet is updated, waits for it to end: so a new release comes in one step,
// and two never undo each other's work.
package install
