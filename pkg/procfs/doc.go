// Package procfs reads what the kernel tells in /proc of the machine's memory and
// of one process: its open files and their limit, its capabilities, and whether
// it sees a path as we do. It changes nothing, and knows nothing of VPP.
package procfs
