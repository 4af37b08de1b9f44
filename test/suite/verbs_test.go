package suite

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.fd.io/govpp/binapi/l2"

	"github.com/userspace-cni/userspace-cni/cnivpp/vpp"
	"github.com/userspace-cni/userspace-cni/pkg/state"
	"github.com/userspace-cni/userspace-cni/test/lab"
)

// ready asserts that STATUS has nothing to say.
func (a attachment) ready() {
	a.b.Helper()
	if err := a.call("STATUS").Error(); err != nil {
		a.b.Errorf("STATUS: %v", err)
	}
}

// person runs the plugin as a person does.
func (b *bench) person(args ...string) (stdout string, code int) {
	b.Helper()
	var out, errout bytes.Buffer
	cmd := exec.Command(filepath.Join(bin, "userspace"), args...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH")}
	cmd.Stdout, cmd.Stderr = &out, &errout
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		b.Fatal(err)
	}
	if errout.Len() > 0 {
		b.Logf("userspace %s: %s", strings.Join(args, " "), &errout)
	}
	return out.String(), cmd.ProcessState.ExitCode()
}

// says asserts the exit code and words of the output of a person's command.
func (b *bench) says(command string, code int, words ...string) string {
	b.Helper()
	out, got := b.person(strings.Fields(command)...)
	if got != code {
		b.Errorf("userspace %s: exit code %d, want %d:\n%s", command, got, code, out)
	}
	for _, word := range words {
		if !strings.Contains(out, word) {
			b.Errorf("userspace %s does not say %q:\n%s", command, word, out)
		}
	}
	return out
}

// TestStatus takes away in turn what an ADD needs.
func TestStatus(t *testing.T) {
	onEach(t, func(b *bench) {
		network := b.network("net", b.hostLocal(1))
		status := b.attach(network, "", "")
		for _, conf := range []object{
			network, b.network("routed", b.hostLocal(1), routed(7)), b.network("named", bridged(object{"bridgeName": "blue", "vlanId": 4})),
		} {
			b.attach(conf, "", "").ready()
		}
		b.nothingLeft()
		b.attach(b.network("net", object{"ipam": object{"type": "no-such"}}), "", "").mustFail("STATUS", 50, "no-such")
		b.attach(b.network("net", bridged(object{"bridgeName": "x", "uplink": "nowhere0"})), "", "").mustFail("STATUS", 50, "bridge.uplink", "nowhere0")
		b.attach(b.network("net", object{"sharedDir": "/etc/hostname/x"}), "", "").mustFail("STATUS", 50, "/etc/hostname")
		b.attach(b.network("net", object{"vppApiSocket": filepath.Join(b.dir, "none.sock")}), "", "").mustFail("STATUS", 50, "not running")
		b.attach(b.network("net", object{"host": 1}), "", "").mustFail("STATUS", 7, "host")

		must(b, os.RemoveAll(state.DefaultDir))
		must(b, os.WriteFile(state.DefaultDir, nil, 0o600))
		status.mustFail("STATUS", 50, state.DefaultDir)
		must(b, os.Remove(state.DefaultDir))

		must(b, b.host.Signal(syscall.SIGSTOP))
		start := time.Now()
		status.mustFail("STATUS", 50, "does not answer")
		if took := time.Since(start); took > 10500*time.Millisecond {
			b.Errorf("STATUS of a VPP that hangs took %s", took)
		}
		must(b, b.host.Signal(syscall.SIGCONT))
		status.ready()
	})
}

// TestStatusDegraded loses the endpoints of pods that exist.
func TestStatusDegraded(t *testing.T) {
	onEach(t, func(b *bench) {
		a := b.attach(b.network("net"), "pod", "net1")
		a.add()
		a.ready()
		must(b, b.host.Kill())
		a.mustFail("STATUS", 51, "all 1 endpoints of network net", "not running")
		must(b, b.host.Start())
		reply := a.call("STATUS") // a new pod comes up
		if err := reply.Error(); err != nil || !strings.Contains(reply.Stderr, "lacks 1 of the 1 endpoints of network net") {
			b.Errorf("STATUS after a restart: %v\n%s", err, reply.Stderr)
		}
		b.attach(b.network("other"), "", "").ready()
		a.add()
		a.ready()
		a.del()
	})
}

// TestStatusWithoutPlugin asks a VPP that runs without memif.
func TestStatusWithoutPlugin(t *testing.T) {
	onEach(t, func(b *bench) {
		if !b.engine.Real {
			b.Skip("the simulator has no plugins")
		}
		bare, err := lab.StartVPP(b.engine, filepath.Join(b.dir, "bare"), "", "plugins { plugin memif_plugin.so { disable } }")
		must(b, err)
		defer bare.Kill()
		a := b.attach(b.network("net", object{"vppApiSocket": bare.APISocket}), "", "")
		a.mustFail("STATUS", 50, "memif_plugin.so", "memif_create_v2", strings.TrimPrefix(b.engine.Name, "VPP "))
	})
}

// TestStatusOldIPAM has an IPAM plugin that doesn't know STATUS and GC, and one
// that isn't well.
func TestStatusOldIPAM(t *testing.T) {
	for _, c := range []struct {
		answer string
		code   uint
	}{
		{`{"cniVersion":"1.0.0","code":4,"msg":"unknown CNI_COMMAND"}`, 0},
		{`{"cniVersion":"1.1.0","code":1,"msg":"plugin version does not allow it"}`, 0},
		{`{"cniVersion":"1.1.0","code":50,"msg":"no address left"}`, 50},
	} {
		b := newBench(t, engines[0])
		dir := filepath.Join(b.dir, "bin")
		must(b, os.Mkdir(dir, 0o755))
		must(b, os.WriteFile(filepath.Join(dir, "old"), []byte("#!/bin/sh\necho '"+c.answer+"'\nexit 1\n"), 0o755))
		conf := b.network("net", object{"ipam": object{"type": "old"}, "cni.dev/valid-attachments": nil})
		for _, command := range []string{"STATUS", "GC"} {
			reply, err := lab.CNI(bin, lab.Call{Command: command, Config: encode(t, conf), Env: []string{"CNI_PATH=" + dir}})
			must(b, err)
			if reply.Code != c.code {
				b.Errorf("%s: code %d, want %d: %s", command, reply.Code, c.code, reply.Msg)
			}
		}
	}
}

// valid is what a runtime adds to the configuration for GC.
func valid(all ...attachment) object {
	list := []object{}
	for _, a := range all {
		list = append(list, object{"containerID": a.id, "ifname": a.ifName})
	}
	return object{"cni.dev/valid-attachments": list}
}

// addresses counts what host-local has given out.
func (b *bench) addresses() int {
	b.Helper()
	files, err := filepath.Glob(filepath.Join(b.ipamDir(), "*", "*[0-9a-f][.:]*"))
	must(b, err)
	count := 0
	for _, file := range files {
		if !strings.HasPrefix(filepath.Base(file), "last_reserved_ip") {
			count++
		}
	}
	return count
}

// TestGC keeps what the runtime and other networks have, and collects the rest
// with its addresses: an attachment with a record, one whose record is lost, one
// of another configuration of the network, whose record alone knows its IPAM.
func TestGC(t *testing.T) {
	onEach(t, func(b *bench) {
		conf := b.network("net", b.hostLocal(1))
		kept, gone := b.attach(conf, "kept", "net1"), b.attach(conf, "gone", "net1")
		lost, second := b.attach(conf, "lost", "net1"), b.attach(conf, "kept", "net2")
		old, other := b.attach(b.network("net", b.hostLocal(3)), "old", "net1"), b.attach(b.network("other", b.hostLocal(2)), "gone", "net1")
		kept.add()
		other.add()
		before := b.left()
		for _, a := range []attachment{gone, second, old, lost} {
			a.add()
		}
		if got := b.addresses(); got != 12 {
			b.Fatalf("%d addresses are given out, want 12", got)
		}
		must(b, os.Remove(b.recordOf(lost)))
		foreign := filepath.Join(b.sharedDir(), "foreign", "configData-mine.json")
		must(b, os.MkdirAll(filepath.Dir(foreign), 0o755))
		must(b, os.WriteFile(foreign, []byte(`{"name":"net","containerId":"foreign","ifName":"net1"}`), 0o644))

		b.attach(conf, "", "").mustFail("GC", 7, "cni.dev/valid-attachments")
		gc := b.attach(b.network("net", b.hostLocal(1), valid(kept)), "", "")
		for range 2 {
			if err := gc.call("GC").Error(); err != nil {
				b.Errorf("GC: %v", err)
			}
		}
		if _, err := os.Stat(foreign); err != nil {
			b.Errorf("somebody's file is gone: %v", err)
		}
		must(b, os.RemoveAll(filepath.Dir(foreign)))
		if after := b.left(); after != before {
			b.Errorf("GC left:\n%s\nwant:\n%s", after, before)
		}
		if got := b.addresses(); got != 4 {
			b.Errorf("%d addresses are given out after GC, want 4", got)
		}
		for _, a := range []attachment{kept, other} {
			if err := a.call("CHECK").Error(); err != nil {
				b.Errorf("CHECK of what was kept: %v", err)
			}
			a.del()
		}
	})
}

// recordOf is the path of an attachment's record.
func (b *bench) recordOf(a attachment) string {
	b.Helper()
	var conf struct{ Name string }
	must(b, json.Unmarshal(a.conf, &conf))
	key := state.Attachment{Network: conf.Name, ContainerID: a.id, IfName: a.ifName}.Key()
	return filepath.Join(state.DefaultDir, "records", key+".json")
}

// TestGCGoesOn has a damaged record and an IPAM plugin that is gone: both are
// reported, and the others are collected.
func TestGCGoesOn(t *testing.T) {
	onEach(t, func(b *bench) {
		damaged, fine := b.attach(b.network("net", b.hostLocal(1)), "damaged", "net1"), b.attach(b.network("net", b.hostLocal(1)), "fine", "net1")
		stuck := b.attach(b.network("net", b.hostLocal(1)), "stuck", "net1")
		for _, a := range []attachment{damaged, fine, stuck} {
			a.add()
		}
		must(b, os.WriteFile(b.recordOf(damaged), []byte("{"), 0o600))
		record, err := os.ReadFile(b.recordOf(stuck))
		must(b, err)
		spoilt := strings.Replace(string(record), `"ipam":"host-local"`, `"ipam":"no-such"`, 1)
		must(b, os.WriteFile(b.recordOf(stuck), []byte(spoilt), 0o600))

		gc := b.attach(b.network("net", b.hostLocal(1), valid()), "", "")
		reply := gc.call("GC")
		for _, word := range []string{"can't be read", "no-such", "stuck"} {
			if !strings.Contains(reply.Msg+reply.Details, word) {
				b.Errorf("GC does not say %q: %s %s", word, reply.Msg, reply.Details)
			}
		}
		if _, err := os.Stat(b.recordOf(fine)); err == nil {
			b.Error("GC stopped at the first error")
		}
		if _, err := os.Stat(b.recordOf(damaged)); err != nil {
			b.Error("GC took the damaged record away")
		}
		if memifs := strings.Count(b.left(), "interface memif"); memifs != 1 {
			b.Errorf("%d endpoints are left, want the damaged one's:\n%s", memifs, b.left())
		}
		must(b, os.WriteFile(b.recordOf(stuck), record, 0o600))
		stuck.del()
		damaged.del()
	})
}

// TestPerson looks at a node before and after it is broken by hand, and cleans
// it up.
func TestPerson(t *testing.T) {
	onEach(t, func(b *bench) {
		b.says("list", 0, "no attachments")
		b.says("check", 0, "0 attachments, 0 not intact")
		b.says("version", 0, "userspace ")
		b.says("help", 0, "gc    [--dry-run]")
		b.says("frobnicate", 2)

		one, two := b.pod("one"), b.pod("two")
		conf := b.network("net", b.hostLocal(1), bridged(object{"bridgeName": "blue"}))
		first, second := one.attach(conf, "net1"), two.attach(conf, "net1")
		first.add()
		second.add()
		one.configure(1)
		within(b.T, 10*time.Second, "connected", func() bool {
			out, _ := b.person("list")
			return strings.Contains(out, " up ")
		})
		out := b.says("list", 0, "POD", "one", "net1", "bridge-domain", "(blue)", "done", " up ", "memif", " of ", " down ", b.sharedDir()+"/one/")
		if lines := strings.Count(out, "\n"); lines != 3 {
			b.Errorf("list has %d lines, want 3:\n%s", lines, out)
		}
		b.says("check", 0, "2 attachments, 0 not intact")
		b.says("gc --dry-run", 0, "nothing to remove")

		b.admin(func(ctx context.Context, s *vpp.Session) error { return unbridge(ctx, s, "one") })
		b.says("check", 1, "\n  add memif", "2 attachments, 1 not intact")
		var findings []struct{ ContainerID, Plan string }
		out, _ = b.person("check", "--json")
		must(b, json.Unmarshal([]byte(out), &findings))
		if len(findings) != 1 || findings[0].Plan == "" {
			b.Errorf("check --json: %s", out)
		}

		must(b, b.host.Kill())
		b.says("list", 0, "VPP is not running")
		b.says("check", 1, "not running", "2 not intact")
		must(b, b.host.Start())
		b.says("list", 0, "missing")
		var rows []struct{ ContainerID, IfName, Network, Pod, Link string }
		out, _ = b.person("list", "--json")
		must(b, json.Unmarshal([]byte(out), &rows))
		if len(rows) != 2 || rows[0].ContainerID != "one" || rows[0].Link != "missing" || rows[1].IfName != "net1" {
			b.Errorf("list --json: %s", out)
		}
		first.del()
		second.del()
	})
}

// TestPersonSeesPods names an attachment by its pod where that is known, and by
// its container where not, in all commands.
func TestPersonSeesPods(t *testing.T) {
	onEach(t, func(b *bench) {
		c := b.cluster()
		named := b.attach(b.network("net", object{"kubeconfig": c.kubeconfig}), "0123456789abcdef", "net1").asPod("u-1")
		unnamed := b.attach(b.network("net"), "fedcba9876543210", "net1")
		named.add()
		unnamed.add()
		out := b.says("list", 0, "\ndefault/web ", "\nfedcba987654 ")
		if strings.Contains(out, "\n0123") {
			b.Errorf("list shows the container of a pod that is known:\n%s", out)
		}
		var rows []struct{ ContainerID, Pod string }
		out, _ = b.person("list", "--json")
		must(b, json.Unmarshal([]byte(out), &rows))
		if len(rows) != 2 || rows[0].Pod != "default/web" || rows[0].ContainerID != named.id || rows[1].Pod != "fedcba987654" {
			b.Errorf("list --json: %s", out)
		}
		b.restartVPP()
		const pod, container = "default/web net1 (network net, container 0123456789ab)", "fedcba987654 net1 (network net)"
		b.says("check", 1, pod+":\n", container+":\n")
		b.halve(named)
		b.halve(unnamed)
		b.says("gc --dry-run", 0, "would remove "+pod, "would remove "+container)
		named.del()
		unnamed.del()
	})
}

// unbridge takes the only connected endpoint out of its bridge domain.
func unbridge(ctx context.Context, s *vpp.Session, _ string) error {
	all, err := s.Interfaces(ctx)
	if err != nil {
		return err
	}
	for _, iface := range all {
		if iface.Link && strings.HasPrefix(iface.Tag, "userspace-cni:") {
			_, err := l2.NewServiceClient(s.Conn()).SwInterfaceSetL2Bridge(ctx, &l2.SwInterfaceSetL2Bridge{RxSwIfIndex: iface.Index})
			return err
		}
	}
	return nil
}

// TestPersonGC collects an attachment whose pod is gone, one whose ADD was
// killed, and an endpoint without a record; a living one stays. A dry run
// changes nothing.
func TestPersonGC(t *testing.T) {
	onEach(t, func(b *bench) {
		conf := b.network("net", b.hostLocal(1))
		living, gone := b.attach(conf, "living", "net1"), b.attach(conf, "gone", "net1")
		half, lost := b.attach(conf, "half", "net1"), b.attach(b.network("plain"), "lost", "net1")
		living.add()
		before := b.left()
		gone.netns = newNetns(b.T, "gone")
		for _, a := range []attachment{gone, half, lost} {
			a.add()
		}
		must(b, lab.DeleteNetns(gone.netns))
		b.halve(half)
		must(b, os.Remove(b.recordOf(lost)))

		all := b.left()
		words := []string{"gone net1 (network net): its network namespace /run/netns/gone is gone", "half net1 (network net): its ADD or DEL was ended on its way", "there is no record of it"}
		out := b.says("gc --dry-run", 0, words...)
		if strings.Count(out, "would remove") != 3 || strings.Contains(out, "living") {
			b.Errorf("gc --dry-run:\n%s", out)
		}
		if now := b.left(); now != all {
			b.Errorf("the dry run changed\n%s\nto\n%s", all, now)
		}
		if out := b.says("gc", 0, words...); strings.Count(out, "removed ") != 3 {
			b.Errorf("gc:\n%s", out)
		}
		if got := b.addresses(); got != 2 {
			b.Errorf("%d addresses are given out, want 2", got)
		}
		b.says("gc", 0, "nothing to remove")
		lost.del() // its number and its files bear no tag
		if after := b.left(); after != before {
			b.Errorf("left:\n%s\nwant:\n%s", after, before)
		}
		living.del()
	})
}

// halve makes a record look as if its ADD had been killed.
func (b *bench) halve(a attachment) {
	b.Helper()
	record, err := os.ReadFile(b.recordOf(a))
	must(b, err)
	must(b, os.WriteFile(b.recordOf(a), []byte(strings.Replace(string(record), `"done":true`, `"done":false`, 1)), 0o600))
}

// TestPersonGCSparesTheBusy: an ADD that is under way is nobody's garbage.
func TestPersonGCSparesTheBusy(t *testing.T) {
	onEach(t, func(b *bench) {
		a := b.attach(b.network("net"), "busy", "net1")
		a.add()
		b.halve(a)
		unlock, err := state.Locks{Dir: state.DefaultDir}.Lock(context.Background(),
			"attachment/"+state.Attachment{Network: "net", ContainerID: "busy", IfName: "net1"}.Key())
		must(b, err)
		b.says("gc --vpp-api-socket "+b.host.APISocket, 0, "nothing to remove")
		unlock()
		b.says("gc", 0, "removed busy net1")
	})
}
