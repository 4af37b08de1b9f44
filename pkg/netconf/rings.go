package netconf

import (
	"cmp"
	"fmt"
)

// What VPP takes where a number is 0 (plugins/memif/private.h).
const (
	vppRingSize   = 1024
	vppBufferSize = 2048
	vppQueues     = 1
)

// ringFields are all that the size of the shared memory depends on.
var ringFields = []string{
	"container.memif.ringSize", "container.memif.rxQueues", "container.memif.txQueues", "container.memif.bufferSize",
	"host.memif.ringSize", "host.memif.rxQueues", "host.memif.txQueues", "host.memif.bufferSize",
}

// ringAgreements are checked once the container's side is derived.
var ringAgreements = []agreement{
	{"host.memif.ringSize", ringFields, func(c *NetConf) *Error { return ringsFit(memif(c.Host)) }},
	{"container.memif.ringSize", ringFields, func(c *NetConf) *Error { return ringsFit(memif(c.Container)) }},
}

// ringsFit holds for the side that lays out the shared memory, which is the
// slave: without zero copy VPP counts the buffers of all rings in 16 bits
// and their bytes in 31 (memif_init_regions_and_queues in
// plugins/memif/memif.c); beyond that, rings silently share buffers or the
// region gets a nonsensical size.
func ringsFit(m Memif) *Error {
	if m.Role != RoleSlave || !m.NoZeroCopy {
		return nil
	}
	queues := int64(cmp.Or(m.RxQueues, vppQueues)) + int64(cmp.Or(m.TxQueues, vppQueues))
	ring := int64(cmp.Or(m.RingSize, vppRingSize))
	buffer := int64(cmp.Or(m.BufferSize, vppBufferSize))
	if queues*ring <= 1<<16 && queues*ring*buffer < 1<<31 {
		return nil
	}
	return &Error{
		Value:   fmt.Sprint(ring),
		Problem: fmt.Sprintf("is too large with noZeroCopy, %d queues and bufferSize %d (VPP would mix up buffers)", queues, buffer),
		Allowed: "(rxQueues + txQueues) × ringSize at most 65536, and that × bufferSize below 2 GiB",
	}
}
