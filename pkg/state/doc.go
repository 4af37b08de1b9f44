// Package state keeps what the host must remember of its attachments between
// CNI calls: a record for each, the numbers that were chosen for it, and the
// locks that keep calls apart. It lives below /run, on tmpfs: records describe
// VPP objects that die with the machine, so none may outlive them, and nothing
// needs to be synced. It never talks to VPP and never decides what a record
// means.
package state
