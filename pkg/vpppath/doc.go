// Package vpppath says which paths of sockets VPP takes (clib_socket_init in
// src/vppinfra/socket.c): the plugin chooses such paths, and checks others.
package vpppath
