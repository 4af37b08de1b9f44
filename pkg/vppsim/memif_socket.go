package vppsim

import (
	"math/rand/v2"
	"path/filepath"
	"strings"

	"go.fd.io/govpp/api"
	memifapi "go.fd.io/govpp/binapi/memif"

	"github.com/userspace-cni/userspace-cni/pkg/vppsim/memif"
)

// memif sockets: memif_socket_filename_add_del in src/plugins/memif/memif.c.

const (
	runtimeDir         = "/run/vpp"
	defaultMemifSocket = runtimeDir + "/memif.sock" // of id 0
	maxDumpedFilename  = 107                        // the field of the dump, without its NUL
)

// memifSocket is a registered id. The count of its interfaces is VPP's: it goes
// to -1 when a listener can't be made, and from then on the next create
// "succeeds" without listening.
type memifSocket struct {
	filename string
	refs     int
	master   bool
	listener *memif.Listener
	ports    map[uint32]*iface
}

func (sock *memifSocket) close() {
	if sock.listener != nil {
		sock.listener.Close()
		sock.listener = nil
	}
}

func (s *Sim) memifSocketAddDel(r *memifapi.MemifSocketFilenameAddDelV2, reply *memifapi.MemifSocketFilenameAddDelV2Reply) error {
	id := r.SocketID
	for id == noIndex && r.IsAdd {
		if unused := rand.Uint32(); s.sockets[unused] == nil {
			id = unused
		}
	}
	reply.SocketID = id
	switch {
	case id == 0 || id == noIndex:
		return api.INVALID_ARGUMENT
	case r.IsAdd:
		return s.addMemifSocket(id, r.SocketFilename)
	}
	return s.delMemifSocket(id)
}

func (s *Sim) addMemifSocket(id uint32, filename string) error {
	if filename == "" {
		return api.INVALID_ARGUMENT
	}
	if !strings.HasPrefix(filename, "/") && !strings.Contains(filename, ":") {
		filename = filepath.Join(runtimeDir, filename)
	}
	old := s.sockets[id]
	switch {
	case old == nil:
		s.sockets[id] = &memifSocket{filename: filename}
	case old.filename != filename:
		return api.ENTRY_ALREADY_EXISTS
	}
	return nil
}

func (s *Sim) delMemifSocket(id uint32) error {
	sock := s.sockets[id]
	switch {
	case sock == nil:
		return api.INVALID_ARGUMENT
	case sock.refs > 0:
		return api.UNEXPECTED_INTF_STATE
	}
	delete(s.sockets, id)
	return nil
}

func (s *Sim) memifSocketDump(_ *memifapi.MemifSocketFilenameDump, send func(*memifapi.MemifSocketFilenameDetails)) {
	for id, sock := range s.sockets {
		name := sock.filename[:min(len(sock.filename), maxDumpedFilename)]
		send(&memifapi.MemifSocketFilenameDetails{SocketID: id, SocketFilename: name})
	}
}
