package vppsim

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"syscall"
)

// Applications attach over the socket of their namespace: the sapi_ functions of
// src/vnet/session/session_api.c. Here they get an index and nothing else, no shared
// memory and no queue.

// app_sapi_msg_t is packed: the type, and the largest of the messages, which is
// ATTACH (src/vnet/session/application_interface.h).
const (
	appMessageSize = 1 + 64 + 18*8
	appAttach      = 1
	appAttachReply = 2
)

// appSocket is the listener or a client of a namespace.
type appSocket struct {
	conn interface {
		io.Closer
		syscall.Conn
	}
	slot uint32 // in the namespace
	app  uint32 // none until it has attached
}

// fd is what VPP shows of a socket.
func (sock *appSocket) fd() (fd uintptr) {
	if raw, err := sock.conn.SyscallConn(); err == nil {
		_ = raw.Control(func(number uintptr) { fd = number }) // 0 once it is closed
	}
	return fd
}

func (s *Sim) acceptApps(n *namespace, listener *net.UnixListener) {
	for {
		conn, err := listener.AcceptUnix()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil {
			s.admitApp(n, listener, conn)
		}
	}
}

func (s *Sim) admitApp(n *namespace, listener *net.UnixListener, conn *net.UnixConn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n.listener != listener {
		_ = conn.Close()
		return
	}
	sock := &appSocket{conn: conn, app: noIndex}
	sock.slot = n.sockets.add(sock)
	s.wg.Go(func() { s.serveApp(n, sock, conn) })
}

// serveApp reads until the client goes, or sends what is no message. One that has
// not attached by then stays a client of the namespace as long as that exists, with
// its descriptor: VPP has nothing to detach it from (sapi_socket_detach).
func (s *Sim) serveApp(n *namespace, sock *appSocket, conn *net.UnixConn) {
	message := make([]byte, appMessageSize+1)
	for {
		size, err := conn.Read(message)
		if err != nil || size != appMessageSize {
			if s.detach(n, sock) || err != nil {
				return
			}
			continue
		}
		if message[0] != appAttach {
			s.opts.Log.Warn("unknown message of an application", "type", message[0])
			continue
		}
		// Without mu, as a client that doesn't read must not stop the others.
		if _, err := conn.Write(s.attach(n, sock)); err != nil {
			s.opts.Log.Warn("application", "error", err)
		}
	}
}

// attach is session_api_attach_handler: a socket attaches once, and not when the
// namespace has closed it meanwhile.
func (s *Sim) attach(n *namespace, sock *appSocket) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	reply := make([]byte, appMessageSize)
	reply[0] = appAttachReply
	if sock.app != noIndex || n.sockets.at(sock.slot) != sock {
		refused := sessionAppAttached
		binary.NativeEndian.PutUint32(reply[1:], uint32(refused))
		return reply
	}
	sock.app = s.session.apps.add(sock)
	binary.NativeEndian.PutUint32(reply[5:], sock.app)
	binary.NativeEndian.PutUint32(reply[33:], n.index<<16|sock.slot) // the client's handle
	return reply
}

// detach ends an application, and the connection with it.
func (s *Sim) detach(n *namespace, sock *appSocket) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if sock.app == noIndex || n.sockets.at(sock.slot) != sock {
		return false
	}
	_ = sock.conn.Close()
	s.forgetApp(sock)
	n.sockets.remove(sock.slot)
	return true
}

func (s *Sim) forgetApp(sock *appSocket) {
	if sock.app != noIndex {
		s.session.apps.remove(sock.app)
		sock.app = noIndex
	}
}
