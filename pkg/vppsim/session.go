package vppsim

import (
	"net"
	"path/filepath"
	"strings"

	"go.fd.io/govpp/api"
	"go.fd.io/govpp/binapi/session"

	"github.com/userspace-cni/userspace-cni/pkg/vppsim/clibsocket"
)

// The session layer, as far as an application needs it to attach:
// src/vnet/session/session_api.c, session.c and application_namespace.c. It has no
// sessions.

// session_error_t goes into a reply's retval as it is (session_types.h).
const (
	sessionAppAttached = api.VPPApiError(-14)
	sessionInvalid     = api.VPPApiError(-19)
)

// appSocketsDir is where VPP makes the sockets of namespaces that were given none.
// The simulator only shows them: it leaves VPP's own directory alone.
const appSocketsDir = runtimeDir + "/app_ns_sockets"

// sessionLayer is off in a VPP that has no session section in its startup.conf, and
// the socket API is on.
type sessionLayer struct {
	enabled     bool
	initialized bool // once for good, as in VPP
	noSocketAPI bool
	namespaces  pool[namespace]
	apps        pool[appSocket]
}

// namespace is an application namespace: a socket to attach by, and the tables in
// which an application's addresses are.
type namespace struct {
	index     uint32
	id        string
	secret    uint64
	swIfIndex uint32 // of an interface, or of what was one, or none
	tables    [2]uint32
	socket    string // in VPP's notation
	failed    bool   // the socket could not be made
	listener  *net.UnixListener
	sockets   pool[appSocket] // the listener is one of them
}

func (s *Sim) sessionEnable(r *session.SessionEnableDisable, _ *session.SessionEnableDisableReply) error {
	s.session.enabled = r.IsEnable
	if !r.IsEnable || s.session.initialized {
		return nil
	}
	s.session.initialized = true
	s.session.apps.add(nil) // VPP has one of its own
	return s.addNamespace(&namespace{id: "default", swIfIndex: noIndex})
}

// sessionSocketAPI: "this cannot be called with active sockets".
func (s *Sim) sessionSocketAPI(r *session.SessionSapiEnableDisable, _ *session.SessionSapiEnableDisableReply) error {
	for range s.session.namespaces.all() {
		return api.UNSPECIFIED
	}
	s.session.noSocketAPI = !r.IsEnable
	return nil
}

func (s *Sim) namespaceAddDelV4(r *session.AppNamespaceAddDelV4, reply *session.AppNamespaceAddDelV4Reply) (err error) {
	reply.AppnsIndex, err = s.namespaceAddDel(*r)
	return err
}

// namespaceAddDelV3 has a field for the network namespace.
func (s *Sim) namespaceAddDelV3(r *session.AppNamespaceAddDelV3, reply *session.AppNamespaceAddDelV3Reply) (err error) {
	name := r.SockName
	if r.Netns != "" {
		name = "abstract:" + name + ",netns_name=" + r.Netns
	}
	reply.AppnsIndex, err = s.namespaceAddDel(session.AppNamespaceAddDelV4{
		Secret: r.Secret, IsAdd: r.IsAdd, SwIfIndex: r.SwIfIndex, IP4FibID: r.IP4FibID, IP6FibID: r.IP6FibID,
		NamespaceID: r.NamespaceID, SockName: name,
	})
	return err
}

func (s *Sim) namespaceAddDel(r session.AppNamespaceAddDelV4) (index uint32, err error) {
	n := s.namespace(r.NamespaceID)
	switch {
	case !s.session.enabled:
		return 0, api.FEATURE_DISABLED
	case !r.IsAdd && n == nil:
		return 0, sessionInvalid
	case !r.IsAdd:
		s.deleteNamespace(n)
		return 0, nil
	}
	tables, err := s.namespaceTables(r)
	if err != nil {
		return 0, err
	}
	if n == nil {
		n = &namespace{id: r.NamespaceID, socket: r.SockName}
		if err := s.addNamespace(n); err != nil {
			return 0, err // and it stays, with what it has by now
		}
	}
	before := n.tables
	n.secret, n.swIfIndex, n.tables = r.Secret, uint32(r.SwIfIndex), tables
	s.releaseTables(before)
	return n.index, nil
}

// namespaceTables are the interface's, if one is named.
func (s *Sim) namespaceTables(r session.AppNamespaceAddDelV4) (tables [2]uint32, err error) {
	if uint32(r.SwIfIndex) != noIndex {
		i, err := s.byIndex(r.SwIfIndex)
		if err != nil {
			return tables, sessionInvalid
		}
		return i.tables, nil
	}
	tables = [2]uint32{r.IP4FibID, r.IP6FibID}
	for n, id := range tables {
		if id != noIndex && s.fibs[fibKey{id, n == family(true)}] == nil {
			return tables, sessionInvalid
		}
	}
	if tables == [2]uint32{noIndex, noIndex} {
		return tables, sessionInvalid
	}
	return tables, nil
}

func (s *Sim) addNamespace(n *namespace) error {
	n.index = s.session.namespaces.add(n)
	if s.session.noSocketAPI {
		return nil
	}
	if n.socket == "" {
		n.socket = filepath.Join(appSocketsDir, n.id)
		return nil
	}
	return s.openNamespace(n)
}

// openNamespace binds the socket that applications attach by
// (appns_sapi_add_ns_socket). A name without a prefix is an Internet address to VPP,
// and after unix: it makes a file of another name, which it then misses.
func (s *Sim) openNamespace(n *namespace) error {
	n.failed = true
	a, err := clibsocket.Parse(n.socket)
	if err == nil && (strings.HasPrefix(n.socket, "/") || strings.HasPrefix(n.socket, "abstract:")) {
		n.listener, err = a.Listen()
		n.failed = err != nil
	}
	if n.failed {
		s.opts.Log.Warn("application namespace", "id", n.id, "socket", n.socket, "error", err)
		return api.UNSPECIFIED
	}
	n.sockets.add(&appSocket{conn: n.listener, app: noIndex})
	listener := n.listener
	s.wg.Go(func() { s.acceptApps(n, listener) })
	return nil
}

func (s *Sim) deleteNamespace(n *namespace) {
	if s.closeNamespace(n) {
		s.session.namespaces.remove(n.index)
		s.releaseTables(n.tables)
	}
}

// closeNamespace closes the listener, whose file stays, and all clients. VPP dies of
// a socket that could not be made: it closes it by a function that nobody has set
// (appns_sapi_del_ns_socket), or somebody else's file.
func (s *Sim) closeNamespace(n *namespace) (alive bool) {
	if n.failed {
		s.die("an application namespace without its socket was deleted")
		return false
	}
	for sock := range n.sockets.all() {
		s.forgetApp(sock)
	}
	n.close()
	return true
}

func (n *namespace) close() {
	for sock := range n.sockets.all() {
		_ = sock.conn.Close()
	}
	n.listener, n.sockets = nil, pool[appSocket]{}
}

// rebindNamespaces gives the namespaces of an interface its other table, for which
// VPP deletes them and adds them anew (app_namespace_table_bind_v4 and _v6): their
// sockets, too, and even when the interface itself goes.
func (s *Sim) rebindNamespaces(i *iface, v6 bool, table uint32) {
	for n := range s.session.namespaces.all() {
		if n.swIfIndex != i.index {
			continue
		}
		if !s.closeNamespace(n) {
			return
		}
		before := n.tables
		n.tables[family(v6)] = table
		if !s.session.noSocketAPI && filepath.Dir(n.socket) != appSocketsDir && s.openNamespace(n) != nil {
			n.secret, n.tables = 0, [2]uint32{}
		}
		s.releaseTables(before)
	}
}

func (s *Sim) namespace(id string) *namespace {
	for n := range s.session.namespaces.all() {
		if n.id == id {
			return n
		}
	}
	return nil
}

// holds says whether a namespace keeps a table (session_lookup_set_tables_appns).
func (s *Sim) holds(k fibKey) bool {
	for n := range s.session.namespaces.all() {
		if n.tables[family(k.v6)] == k.id {
			return true
		}
	}
	return false
}

func (s *Sim) releaseTables(tables [2]uint32) {
	for n, id := range tables {
		if id != noIndex {
			s.dropUnused(fibKey{id, n == family(true)})
		}
	}
}
