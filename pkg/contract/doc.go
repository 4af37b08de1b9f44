// Package contract is what a pod is told about one attachment: the entry that
// stands in the annotation userspace/configuration-data and in a file of the
// shared directory. It owns the names, the JSON and its version, and both sides
// use it: the plugin writes, usrsp-app reads. Names and fields that readers of
// the Intel plugin's entries know keep their meaning; fields are only added.
package contract
