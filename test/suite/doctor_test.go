package suite

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/userspace-cni/userspace-cni/pkg/nodeconf"
	"github.com/userspace-cni/userspace-cni/pkg/state"
	"github.com/userspace-cni/userspace-cni/test/lab"
)

// doctor examines the node with the bench's VPP.
func (b *bench) doctor(code int, words ...string) string {
	b.Helper()
	return b.says("doctor --vpp-api-socket "+b.host.APISocket, code, words...)
}

// failsAlone asserts that one check fails, and says how to mend it in the line
// below.
func (b *bench) failsAlone(out, check string, mend ...string) {
	b.Helper()
	if count := strings.Count(out, "FAILED"); count != 1 {
		b.Errorf("%d checks failed, want one:\n%s", count, out)
	}
	b.mends(out, "FAILED   "+check+": ", mend...)
}

// mends asserts a line that begins so, with such an advice below.
func (b *bench) mends(out, line string, mend ...string) {
	b.Helper()
	_, after, found := strings.Cut("\n"+out, "\n"+line)
	if !found {
		b.Errorf("there is no line %q:\n%s", line, out)
		return
	}
	_, advice, _ := strings.Cut(after, "\n")
	advice, _, _ = strings.Cut(advice, "\n")
	for _, word := range mend {
		if !strings.HasPrefix(advice, "         -> ") || !strings.Contains(advice, word) {
			b.Errorf("below %q there is no advice with %q:\n%s", line, word, out)
		}
	}
}

// TestDoctor examines a node on which all is well, and changes nothing on it.
func TestDoctor(t *testing.T) {
	onEach(t, func(b *bench) {
		c := b.cluster()
		a := b.attach(b.network("net", object{"kubeconfig": c.kubeconfig}), "sandbox", "net1").asPod("u-1")
		a.add()
		before := b.left()
		out := b.doctor(0,
			"\nok       VPP: "+b.release()+" answers at "+b.host.APISocket,
			"ok       node settings: ",
			"ok       VPP's plugins: ",
			"skipped  VPP's session layer: off; the first VCL endpoint turns it on",
			"ok       VPP's file descriptors: ",
			"ok       VPP's capabilities: CAP_SYS_ADMIN",
			"ok       VPP sees network namespaces: VPP sees /run/netns with 1 ",
			"ok       VPP reaches shared directories: ",
			"ok       records: 1 in "+state.DefaultDir,
			"ok       shared directories: ",
			"ok       CNI plugins: userspace and host-local are in "+bin,
			"ok       kubeconfig: "+c.kubeconfig,
			"ok       rights on pods: the API server lets the kubeconfig's user get and patch pods")
		if strings.Contains(out, "FAILED") {
			b.Errorf("all is well:\n%s", out)
		}
		b.sameAsJSON(out)
		if after := b.left(); after != before {
			b.Errorf("it changed\n%s\nto\n%s", before, after)
		}
		a.del()
	})
}

// release is the engine's version text.
func (b *bench) release() string {
	if b.engine.Real {
		return strings.TrimPrefix(b.engine.Name, "VPP ")
	}
	return "v26.06-vppsim"
}

// sameAsJSON asserts that --json has all that is in the lines, in their order.
func (b *bench) sameAsJSON(out string) {
	b.Helper()
	text, _ := b.person("doctor", "--json", "--vpp-api-socket", b.host.APISocket)
	var all []struct{ Name, Status, Found, Mend string }
	must(b, json.Unmarshal([]byte(text), &all))
	var lines string
	for _, d := range all {
		label := map[string]string{"ok": "ok", "warning": "warning", "failed": "FAILED", "skipped": "skipped"}[d.Status]
		lines += label + strings.Repeat(" ", 9-len(label)) + d.Name + ": " + d.Found + "\n"
		if d.Mend != "" {
			lines += "         -> " + d.Mend + "\n"
		}
	}
	// How many files VPP has open changes between two looks.
	numbers := regexp.MustCompile(`[0-9]+`)
	if numbers.ReplaceAllString(lines, "N") != numbers.ReplaceAllString(out, "N") {
		b.Errorf("--json has\n%s\nwant\n%s", lines, out)
	}
}

// TestDoctorWithoutVPP has a VPP that hangs, and one that is gone: that alone
// fails, and what depends on it isn't guessed.
func TestDoctorWithoutVPP(t *testing.T) {
	onEach(t, func(b *bench) {
		b.node(object{"statusTimeout": "500ms"})
		must(b, b.host.Signal(syscall.SIGSTOP))
		start := time.Now()
		out := b.doctor(1, b.host.APISocket, "does not answer", "skipped  VPP's plugins: ", "skipped  VPP's file descriptors: ", "ok       records: ")
		b.failsAlone(out, "VPP", "main thread", "systemctl restart vpp")
		if took := time.Since(start); took > 5*time.Second {
			b.Errorf("it took %s", took)
		}
		must(b, b.host.Kill())
		out = b.doctor(1, b.host.APISocket, "not running", "skipped  VPP's plugins: ", "ok       records: ")
		b.failsAlone(out, "VPP", "systemctl start vpp", "socksvr { socket-name")
		b.sameAsJSON(out)
	})
}

// TestDoctorWithoutPlugins names the plugin for each kind of endpoint.
func TestDoctorWithoutPlugins(t *testing.T) {
	onEach(t, func(b *bench) {
		if !b.engine.Real {
			b.Skip("the simulator has no plugins")
		}
		for plugin, message := range map[string]string{"memif_plugin.so": "memif_create_v2", "vhost_plugin.so": "create_vhost_user_if_v2"} {
			bare, err := lab.StartVPP(b.engine, filepath.Join(b.dir, "bare"), "", "plugins { plugin "+plugin+" { disable } }")
			must(b, err)
			out := b.says("doctor --vpp-api-socket "+bare.APISocket, 1, message)
			b.failsAlone(out, "VPP's plugins", "plugins { plugin "+plugin+" { enable } }", "startup.conf")
			must(b, bare.Kill())
		}
	})
}

// TestDoctorSession looks at VPPs with a session layer, of use and of none.
func TestDoctorSession(t *testing.T) {
	onEach(t, func(b *bench) {
		for sockets, want := range map[bool]string{true: "ok       VPP's session layer: on", false: "warning  VPP's session layer: on without its socket API"} {
			b.sessionLayer(b.host, sockets)
			b.says("doctor --vpp-api-socket "+b.host.APISocket, 0, want)
			b.restartVPP()
		}
	})
}

// TestDoctorNodeSettings takes the VPP from the node settings, and has settings
// that can't be trusted.
func TestDoctorNodeSettings(t *testing.T) {
	onEach(t, func(b *bench) {
		b.node(object{"vppApiSocket": b.host.APISocket})
		b.says("doctor", 0, " answers at "+b.host.APISocket, "ok       node settings: "+nodeconf.DefaultPath+", mode 0644\n")
		must(b, os.Chmod(nodeconf.DefaultPath, 0o664))
		out := b.doctor(1, "0664", "chmod go-w")
		b.failsAlone(out, "node settings", nodeconf.DefaultPath, "chown root")
		b.node(object{"logLevel": 1, "grant": 1})
		b.failsAlone(b.doctor(1, "2 faults", "logLevel", "grant"), "node settings", "correct or remove")
	})
}

// TestDoctorRecords has no place for records, nor for links.
func TestDoctorRecords(t *testing.T) {
	onEach(t, func(b *bench) {
		must(b, os.RemoveAll(state.DefaultDir))
		must(b, os.WriteFile(state.DefaultDir, nil, 0o600))
		out := b.doctor(1, "FAILED   shared directories: ")
		b.mends(out, "FAILED   records: ", state.DefaultDir, "recordsDir")
		must(b, os.Remove(state.DefaultDir))
		b.doctor(0)
	})
}

// TestDoctorFiles leaves VPP room for fifty endpoints.
func TestDoctorFiles(t *testing.T) {
	onEach(t, func(b *bench) {
		open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", b.host.PID()))
		must(b, err)
		var limit unix.Rlimit
		must(b, unix.Prlimit(b.host.PID(), unix.RLIMIT_NOFILE, nil, &limit))
		limit.Cur = uint64(len(open) + 6*50)
		must(b, unix.Prlimit(b.host.PID(), unix.RLIMIT_NOFILE, &limit, nil))
		out := b.doctor(0)
		b.mends(out, "warning  VPP's file descriptors: ", "LimitNOFILE=")
		if !strings.Contains(out, "room for 50 more") && !strings.Contains(out, "room for 49 more") { // our own connection is one
			b.Errorf("want room for 50:\n%s", out)
		}
	})
}

// TestDoctorSeesTheNode has a VPP in a mount namespace of its own: once with
// another directory, once with the same one, in which what is mounted later
// doesn't appear.
func TestDoctorSeesTheNode(t *testing.T) {
	onEach(t, func(b *bench) {
		for path, unseen := range map[string]string{"/run/netns": "/run/netns", filepath.Join(b.dir, "own"): "/run/netns/later"} {
			vpp, err := startApart(b.engine, filepath.Join(b.dir, "apart"), path)
			must(b, err)
			netns, err := lab.NewNetns("later")
			must(b, err)
			out := b.says("doctor --vpp-api-socket "+vpp.APISocket, 1, "does not see "+unseen+"\n")
			b.failsAlone(out, "VPP sees network namespaces", "/run/netns", "mountPropagation: HostToContainer")
			must(b, vpp.Kill())
			must(b, lab.DeleteNetns(netns))
		}
	})
}

// startApart starts a VPP that has a directory of its own at a path.
func startApart(engine lab.Engine, dir, path string) (*lab.VPP, error) {
	type started struct {
		vpp *lab.VPP
		err error
	}
	result := make(chan started)
	go func() {
		err := lab.Private(path)
		if err != nil {
			result <- started{nil, err}
			return
		}
		vpp, err := lab.StartVPP(engine, dir, "")
		result <- started{vpp, err}
		if err == nil {
			<-vpp.Exited() // it would end with this goroutine
		}
	}()
	r := <-result
	return r.vpp, r.err
}

// TestDoctorRights has an API server that lets its user do less and less.
func TestDoctorRights(t *testing.T) {
	onEach(t, func(b *bench) {
		c := b.cluster()
		examine := func(code int, words ...string) string {
			return b.says("doctor --kubeconfig "+c.kubeconfig+" --vpp-api-socket "+b.host.APISocket, code, words...)
		}
		examine(0, "ok       rights on pods: ")
		c.Deny("patch")
		b.failsAlone(examine(1, "may not patch pods"), "rights on pods", `apiGroups: [""]`, "resources: [pods]", "verbs: [patch]")
		c.Deny("get")
		b.failsAlone(examine(1, "may not get and patch pods"), "rights on pods", "verbs: [get, patch]")
		c.Close()
		b.node(object{"statusTimeout": "500ms"})
		b.failsAlone(examine(1, "not available"), "rights on pods", "reachable", "auth can-i get pods")
		b.failsAlone(b.says("doctor --kubeconfig /nowhere --vpp-api-socket "+b.host.APISocket, 1, "/nowhere"), "kubeconfig", "correct it")
		b.doctor(0, "skipped  kubeconfig: ", "skipped  rights on pods: ")
	})
}
