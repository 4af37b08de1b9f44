// Package clibsocket makes Unix sockets of type SOCK_SEQPACKET, named in the
// notation that VPP has for sockets, by the rules that VPP has for them:
// clib_socket_init in src/vppinfra/socket.c.
//
// It owns the names, and the process's umask while it binds; what is said over a
// socket is its users' business.
package clibsocket
