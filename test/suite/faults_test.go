package suite

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/userspace-cni/userspace-cni/pkg/nodeconf"
	"github.com/userspace-cni/userspace-cni/pkg/vppsim/fault"
	"github.com/userspace-cni/userspace-cni/test/lab"
)

// hangTimeout is what the node settings leave a call where VPP hangs, and
// hangLimit what it may take on a busy machine.
const hangTimeout, hangLimit = 600 * time.Millisecond, 5 * time.Second

// TestFaulted has VPP refuse, drop and not answer each message of ADD and DEL in
// turn. Whatever can be undone is, and the rest goes with the next DEL.
func TestFaulted(t *testing.T) {
	points := map[bool]int{}
	onVariants(t, func(b *bench, s surroundings) {
		for _, action := range []fault.Action{fault.Refuse, fault.Die, fault.Hang} {
			if action == fault.Hang && !s.hang {
				continue
			}
			for _, command := range []string{"ADD", "DEL"} {
				n := 1
				for ; b.faultAt(s.attach(b, "faulted", "net1"), command, action, n) && !b.Failed(); n++ {
				}
				if n < 3 {
					b.Errorf("%s: %d messages were to %s, it has more", command, n-1, action)
				}
				points[b.engine.Real] += n - 1
			}
		}
	})
	summary(t, "TestFaulted: %d faults on the simulator, %d on a real VPP", points[false], points[true])
}

// faultAt makes a call with a fault at its n-th message, and tells whether there
// was one.
func (b *bench) faultAt(a attachment, command string, action fault.Action, n int) (struck bool) {
	b.Helper()
	if command == "DEL" {
		a.add()
	}
	proxy := b.faulty(action, n)
	b.link(proxy.Path, filepath.Join(b.dir, "switched"))
	if action == fault.Hang {
		b.node(object{"addTimeout": hangTimeout.String(), "delTimeout": hangTimeout.String()})
	}
	started := time.Now()
	reply := a.call(command)
	took := time.Since(started)
	os.Remove(nodeconf.DefaultPath)
	b.switched()
	must(b, proxy.Close())
	struck = len(proxy.Seen()) >= n
	what := fmt.Sprintf("%s, message %d: %s", command, n, action)
	if struck {
		what += " " + proxy.Seen()[n-1]
	}
	isRefusedDump := action == fault.Refuse && strings.HasSuffix(what, "_dump") // there is no such thing
	switch {
	case !struck || isRefusedDump || command == "DEL" && action != fault.Hang: // it may look again, or not need the answer
		if command == "ADD" && reply.Error() != nil {
			b.Errorf("%s: %v", what, reply.Error())
		}
	case action == fault.Refuse:
		a.mustBeRefused(reply, 100)
	case action == fault.Die:
		a.mustBeRefused(reply, 11)
	case action == fault.Hang:
		a.mustBeRefused(reply, 11, "VPP does not answer")
		if took > hangLimit {
			b.Errorf("%s: it took %s", what, took)
		}
	}
	if command == "ADD" && action != fault.Hang && struck && reply.Error() != nil {
		if left := b.left(); left != "" {
			b.Errorf("%s: left behind:\n%s", what, left)
		}
	}
	if reply.Error() != nil && command == "DEL" {
		a.recordPath() // is still there
	}
	a.del()
	if left := b.left(); left != "" {
		b.Errorf("%s, then DEL: left behind:\n%s", what, left)
	}
	return struck
}

// faulty puts a proxy before the host's VPP with a fault at its n-th message.
func (b *bench) faulty(action fault.Action, n int) *lab.Proxy {
	b.Helper()
	proxy, err := lab.NewProxy(filepath.Join(b.dir, fmt.Sprintf("faulty%d", n)), b.host.APISocket, fault.Fault{Action: action, N: n, Retval: -1})
	must(b, err)
	return proxy
}

// link makes a symbolic link, in the place of an earlier one.
func (b *bench) link(target, path string) {
	b.Helper()
	must(b, os.Symlink(target, path+".new"))
	must(b, os.Rename(path+".new", path))
}
