package vcl

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/userspace-cni/userspace-cni/cnivpp/vpp"
	"github.com/userspace-cni/userspace-cni/pkg/abstract"
	"github.com/userspace-cni/userspace-cni/pkg/procfs"
)

const (
	// maxID is the longest id of a namespace, in bytes; VPP cuts a longer one
	// (namespace_id in vnet/session/session.api).
	maxID = 63
	// maxBroken is how many broken namespaces an attachment may leave behind.
	maxBroken = 8
)

// Namespace is the application namespace that is bound to a loopback. Its
// applications have the loopback's addresses and no others.
//
// VPP leaves a namespace behind whose socket it could not make. To delete that
// kills VPP: it takes the file of the socket, of which there is none, out of its
// event loop (appns_sapi_del_ns_socket in src/vnet/session/session_api.c, tried with
// 23.06 and 26.06). To add it again succeeds, and makes no socket. So a broken one is
// left alone, and the next id is taken. It is known by its interface, which is set
// last.
type Namespace struct {
	// Key is the attachment's.
	Key       string `json:"key"`
	Interface string `json:"interface"`
	Socket    string `json:"socket"`
}

var _ vpp.Part = Namespace{}

// idPrefix begins the ids of our namespaces.
const idPrefix = "usrsp-"

// id is the namespace's, unless that is broken.
func (n Namespace) id() string { return idPrefix + n.Key }

// ids are those that are tried, in this order.
func (n Namespace) ids() []string {
	all := []string{n.id()}
	for i := 2; i <= maxBroken; i++ {
		all = append(all, fmt.Sprintf("%s-%d", n.id(), i))
	}
	return all
}

// isBroken tells whether the namespace's socket could not be made. No other of ours
// is on the interface with the index 0.
func isBroken(n *vpp.AppNamespace) bool { return n.Interface == "local0" }

// NamespaceState is an observed Namespace.
type NamespaceState struct {
	Namespace
	// Seen is the namespace in use; nil: none.
	Seen *vpp.AppNamespace `json:"seen,omitempty"`
}

// Observe implements vpp.Part.
func (n Namespace) Observe(ctx context.Context, s *vpp.Session, _ *vpp.Interface, _ vpp.Goal) (vpp.Observation, error) {
	state := NamespaceState{Namespace: n}
	for _, id := range n.ids() {
		found, err := s.AppNamespace(ctx, id)
		if err != nil || found == nil {
			return state, err
		}
		if !isBroken(found) {
			state.Seen = found
			return state, nil
		}
	}
	return state, nil
}

// Nothing implements vpp.Part.
func (n Namespace) Nothing() vpp.Observation { return NamespaceState{Namespace: n} }

// Plan implements vpp.Observation.
func (s NamespaceState) Plan(goal vpp.Goal) vpp.Plan {
	var plan vpp.Plan
	if s.Seen != nil {
		why := s.differs()
		if goal == vpp.Existence && why == "" {
			return nil
		}
		if goal == vpp.Absence {
			why = ""
		}
		plan = append(plan, deleteNamespace{s.Seen.ID, why})
	}
	if goal == vpp.Existence {
		plan = append(plan, addNamespace{s.Namespace})
	}
	return plan
}

func (s NamespaceState) differs() string {
	switch {
	case s.Seen.Interface != s.Interface:
		return "which is on " + s.Seen.Interface
	case s.Seen.Socket != s.Socket:
		return "whose socket is " + s.Seen.Socket
	}
	return ""
}

// possible fails where VPP would not be able to make the socket, as far as that can
// be told without it.
func (n Namespace) possible(session *vpp.Session) error {
	where, err := parseSocket(n.Socket)
	if err != nil {
		return err
	}
	if where.name == "" {
		return reaches(session, filepath.Dir(where.path), -1)
	}
	if err := reaches(session, where.path, unix.CAP_SYS_ADMIN); err != nil {
		return err
	}
	taken, err := abstract.IsTaken(where.path, where.name)
	if err != nil {
		return err
	}
	if taken {
		return fmt.Errorf("%w: @%s in the network namespace %s: another network of the pod has it, or a program; vcl.socketName chooses another", vpp.ErrOccupied, where.name, where.path)
	}
	return nil
}

// reaches fails where VPP's process is known, and either sees something else at the
// path than we do, or lacks a capability (negative: it needs none).
func reaches(session *vpp.Session, path string, capability int) error {
	process, err := session.Process()
	if err != nil || process.PID == 0 {
		return nil
	}
	seen := procfs.Default.Process(process.PID)
	same, err := seen.Sees(path)
	if errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err == nil && !same {
		return fmt.Errorf("VPP (process %d), in a mount namespace of its own, does not see %s", process.PID, path)
	}
	if capability < 0 {
		return nil
	}
	if able, err := seen.Can(capability); err == nil && !able {
		return fmt.Errorf("VPP (process %d) is without CAP_SYS_ADMIN: it can't make a socket in a pod's network namespace", process.PID)
	}
	return nil
}
