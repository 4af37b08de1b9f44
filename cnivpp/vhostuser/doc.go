// Package vhostuser is the vhost-user kind of endpoint: an interface that VPP's
// vhost plugin makes on a socket (src/plugins/vhost), for a virtio driver at the
// other end: a DPDK application or a virtual machine. VPP is always the device,
// so that two VPPs can't be joined by it. The package owns the interface, as
// server of the socket or as its client.
package vhostuser
