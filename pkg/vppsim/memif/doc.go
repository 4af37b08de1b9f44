// Package memif is a memif endpoint in pure Go: master and slave, any number
// of queues, chained descriptors, file-system and abstract sockets.
//
// It owns the control channel (a SOCK_SEQPACKET Unix socket), the shared
// memory and the rings of each connection, and it hands whole frames in and
// out. It never looks into a frame and knows nothing of VPP's API. Everything
// that comes from a peer is checked before it is used: a hostile peer loses its
// own connection and nothing else.
//
// The protocol is read from VPP 26.06: src/plugins/memif/memif.h (layout),
// socket.c (messages), memif.c (who allocates what), node.c and device.c (who
// moves which ring index).
package memif
