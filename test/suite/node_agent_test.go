package suite

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/userspace-cni/userspace-cni/cnivpp"
	"github.com/userspace-cni/userspace-cni/cnivpp/vpp"
	"github.com/userspace-cni/userspace-cni/pkg/kube/fakeapi"
	"github.com/userspace-cni/userspace-cni/pkg/state"
	"github.com/userspace-cni/userspace-cni/test/lab"
)

// nodeAgent is userspace-node, with intervals for tests.
type nodeAgent struct {
	b   *bench
	cmd *exec.Cmd
	// ended is closed when it has ended.
	ended  chan struct{}
	output *lockedBuffer
}

// lockedBuffer takes what a program writes while a test reads it.
type lockedBuffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.Buffer.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.Buffer.String()
}

// agentInterval is how often the agents of the tests look at everything.
const agentInterval = 300 * time.Millisecond

// agent starts a node agent for the bench's VPP. It ends with the test.
func (b *bench) agent(args ...string) *nodeAgent {
	b.Helper()
	a := &nodeAgent{b: b, output: new(lockedBuffer)}
	a.start(args...)
	b.Cleanup(a.kill)
	return a
}

func (a *nodeAgent) start(args ...string) {
	a.b.Helper()
	a.cmd = exec.Command(filepath.Join(bin, "userspace-node"), append([]string{
		"--vpp-api-socket", a.b.host.APISocket, "--cni-bin-dir", bin, "--listen", "",
		"--interval", agentInterval.String(), "--grace", "1h",
	}, args...)...)
	a.cmd.Stderr = a.output
	must(a.b, a.cmd.Start())
	ended := make(chan struct{})
	a.ended = ended
	cmd := a.cmd
	go func() { _ = cmd.Wait(); close(ended) }()
}

// kill ends it at once.
func (a *nodeAgent) kill() {
	a.cmd.Process.Kill()
	<-a.ended
}

// stop ends it as systemd and the kubelet do.
func (a *nodeAgent) stop() {
	a.b.Helper()
	must(a.b, a.cmd.Process.Signal(syscall.SIGTERM))
	select {
	case <-a.ended:
	case <-time.After(20 * time.Second):
		a.b.Fatal("userspace-node does not end")
	}
	if code := a.cmd.ProcessState.ExitCode(); code != 0 {
		a.b.Errorf("userspace-node ended with %d:\n%s", code, a.output)
	}
}

// pause stops it until the returned function is called.
func (a *nodeAgent) pause() (resume func()) {
	a.b.Helper()
	if err := a.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		a.b.Fatalf("%v:\n%s", err, a.output)
	}
	return func() { a.b.Helper(); must(a.b, a.cmd.Process.Signal(syscall.SIGCONT)) }
}

// says waits until the agent has written the words on one line.
func (a *nodeAgent) says(words ...string) {
	a.b.Helper()
	defer func() {
		if a.b.Failed() {
			a.b.Log(a.output.String())
		}
	}()
	within(a.b.T, 20*time.Second, fmt.Sprintf("said by the agent: %q", words), func() bool {
		for line := range strings.Lines(a.output.String()) {
			missing := false
			for _, word := range words {
				missing = missing || !strings.Contains(line, word)
			}
			if !missing {
				return true
			}
		}
		return false
	})
}

// restored waits until CHECK finds nothing to do.
func (a *nodeAgent) restored(all ...attachment) {
	a.b.Helper()
	for _, each := range all {
		var err error
		until := time.Now().Add(30 * time.Second)
		for {
			if err = each.call("CHECK").Error(); err == nil {
				break
			}
			if time.Now().After(until) {
				a.b.Fatalf("not restored: %v\n%s", err, a.output)
			}
		}
	}
}

// TestAgentVariants restarts VPP beneath each variant, with and without the
// agent there meanwhile: the endpoint comes back as ADD had made it, and DEL
// leaves nothing.
func TestAgentVariants(t *testing.T) {
	onVariants(t, func(b *bench, s surroundings) {
		a := s.attach(b, "sandbox", "net1")
		a.add()
		before := b.objects()
		agent := b.agent()
		agent.says("connected to VPP")
		for _, absent := range []bool{false, true} {
			if absent {
				agent.stop()
			}
			b.restartVPP()
			if s.prepare != nil {
				s.prepare()
			}
			if absent {
				agent.start()
			}
			agent.restored(a)
			if after := b.objects(); strings.Join(after, "\n") != strings.Join(before, "\n") {
				b.Errorf("before:\n%s\nafter:\n%s", strings.Join(before, "\n"), strings.Join(after, "\n"))
			}
		}
		a.del()
		agent.stop()
	})
}

// TestAgentRepairs deletes each object of an endpoint by hand in turn: the agent
// makes it again, and leaves alone what isn't ours.
func TestAgentRepairs(t *testing.T) {
	onReal(t, func(b *bench) {
		b.foreignObjects()
		b.sessionLayer(b.host, true) // it shows in the tables of others that it is on
		b.given = b.objects()
		foreign := b.showForeign()
		b.eachDamage(b.agentRepairs)
		if after := b.showForeign(); after != foreign {
			b.Errorf("somebody else's objects were\n%s\nand are\n%s", foreign, after)
		}
	})
}

// TestAgentGateway deletes the gateway that endpoints are unnumbered to, which VPP
// lets happen: pods reach each other and the gateway again.
func TestAgentGateway(t *testing.T) {
	onReal(t, func(b *bench) {
		conf := b.network("net", b.subnet("10.1.0.0/24", "fd00:1::/64"), routed(42))
		one, two := b.guest("one", conf), b.guest("two", conf)
		one.reaches(two)
		agent := b.agent()
		agent.says("connected to VPP")
		result := one.add()
		b.damage(damage{commands: []string{"delete loopback interface intfc LOOP"}}, b.namesOf(one.attachment, result))
		agent.restored(one.attachment, two.attachment)
		for _, gateway := range []string{"10.1.0.1", "fd00:1::1"} {
			one.reachesAgain(&guest{addresses: []string{gateway}})
			two.reachesAgain(&guest{addresses: []string{gateway}})
		}
		one.reachesAgain(two)
		detach(one, two)
		agent.stop()
	})
}

// showForeign is what VPP shows of the administrator's objects.
func (b *bench) showForeign() string {
	b.Helper()
	shown := ""
	for _, command := range []string{
		"show interface loop3", "show interface address loop3", "show hardware-interfaces loop3",
		"show bridge-domain 5 detail", "show ip fib table 8", "show ip fib table 0 10.99.0.1/24",
	} {
		shown += b.cliOf(command) + "\n"
	}
	return shown
}

// agentRepairs does damage behind the agent's back.
func (b *bench) agentRepairs(conf object, d damage, other bool) {
	b.Helper()
	agent := b.agent("--log-level", "debug")
	defer agent.kill()
	a, neighbour := b.attach(conf, "broken", "net1"), b.attach(conf, "neighbour", "net1")
	all := []attachment{a}
	result := a.add()
	if other {
		neighbour.add()
		all = append(all, neighbour)
	}
	agent.restored(all...)
	resume := agent.pause()
	b.damage(d, b.namesOf(a, result))
	a.mustFail("CHECK", 102)
	resume()
	agent.restored(all...)
	agent.says("not intact") // it was the agent
	for _, each := range all {
		each.del()
	}
}

// TestAgentPing has pods on bridges, routed networks and over vhost-user, kills
// VPP ten times, and has every pod reach another one each time, while other pods
// come and go and the agent is killed in the middle.
func TestAgentPing(t *testing.T) {
	onEach(t, func(b *bench) {
		bridge, routedNet := b.network("flat", b.hostLocal(1)), b.network("routed", b.subnet("10.9.0.0/24", "fd00:9::/64"), routed(7))
		abstract := b.network("abstract", b.hostLocal(3), bridged(object{"bridgeName": "blue"}))
		abstract["host"].(object)["memif"] = object{"socketType": "abstract"}
		vhost := b.network("vhost", b.hostLocal(2), object{"host": object{
			"engine": "vpp", "iftype": "vhostuser", "netType": "bridge", "vhost": object{"mode": "server"}, "bridge": object{"bridgeName": "8"},
		}})
		var guests []*guest
		for i, conf := range []object{bridge, bridge, routedNet, routedNet, abstract, abstract} {
			guests = append(guests, b.guest(fmt.Sprintf("pod-%d", i), conf))
		}
		var others []attachment
		for i := range 94 {
			a := b.attach([]object{bridge, routedNet, vhost}[i%3], fmt.Sprintf("other-%d", i), "net1")
			a.add()
			others = append(others, a)
		}
		agent := b.agent()
		random := rand.New(rand.NewPCG(1, 0))
		for round := range 10 {
			stop := b.comeAndGo(bridge, routedNet)
			b.restartVPP()
			if round%2 == 1 {
				within(b.T, 10*time.Second, "begun: the repair", func() bool { return len(b.objects()) > random.IntN(50) })
				agent.kill()
				agent.start()
			}
			for i := 0; i < len(guests); i += 2 {
				guests[i].connected(1)
				guests[i+1].connected(1)
				guests[i].reachesAgain(guests[i+1])
			}
			stop()
			agent.restored(others...)
			if b.Failed() {
				t.Fatalf("round %d:\n%s", round, agent.output)
			}
		}
		detach(guests...)
		for _, a := range others {
			a.del()
		}
		agent.stop()
	})
}

// reachesAgain waits until nothing is lost: on a busy machine what comes late
// counts as lost.
func (g *guest) reachesAgain(other *guest) {
	g.pod.b.Helper()
	for _, address := range other.addresses {
		within(g.pod.b.T, 30*time.Second, g.pod.id+" reaches "+address, func() bool {
			_, lossless := g.ping(address, 100*time.Millisecond)
			return lossless
		})
	}
}

// comeAndGo makes ADDs and DELs until it is stopped. Calls may fail for want of
// a VPP.
func (b *bench) comeAndGo(networks ...object) (stop func()) {
	done := make(chan struct{})
	var calls sync.WaitGroup
	for i, conf := range networks {
		a := b.attach(conf, fmt.Sprintf("passing-%d", i), "net1")
		calls.Go(func() {
			for {
				select {
				case <-done:
					a.del()
					return
				default:
				}
				for _, command := range []string{"ADD", "DEL"} {
					if err := a.call(command); err.Code != 0 && err.Code != 11 {
						b.Errorf("%s while VPP restarts: %v", command, err.Error())
					}
				}
			}
		})
	}
	return func() { close(done); calls.Wait() }
}

// TestAgentCollects leaves pods without a DEL: their endpoints, records,
// addresses and sockets go after the time of grace, those of living pods and of
// a pod whose ADD takes long stay.
func TestAgentCollects(t *testing.T) {
	onEach(t, func(b *bench) {
		conf := b.network("net", b.hostLocal(1))
		living := b.attach(conf, "living", "net1")
		living.add()
		gone := b.attach(conf, "gone", "net1")
		namespace := newNetns(b.T, filepath.Base(b.dir)+"gone")
		gone.netns = namespace
		gone.add()

		slow, release := b.slowAdd(conf)
		agent := b.agent("--grace", "1s")
		must(b, lab.DeleteNetns(namespace))
		agent.says("unused", "gone")
		agent.says("removed", "gone")
		if _, err := os.Stat(b.recordOf(gone)); !errors.Is(err, os.ErrNotExist) {
			b.Errorf("the record of the pod that is gone: %v", err)
		}
		release()
		if err := slow().Error(); err != nil {
			b.Errorf("the ADD that took long: %v", err)
		}
		agent.restored(living)
		again := b.attach(conf, "again", "net1")
		again.add()
		for _, a := range []attachment{living, again, b.attach(conf, "slow", "net1")} {
			a.del()
		}
		agent.stop()
	})
}

// slowAdd begins an ADD whose IPAM plugin waits until it is released.
func (b *bench) slowAdd(conf object) (result func() lab.Reply, release func()) {
	b.Helper()
	dir := filepath.Join(b.dir, "slow-ipam")
	fifo := filepath.Join(dir, "go")
	must(b, os.MkdirAll(dir, 0o755))
	must(b, syscall.Mkfifo(fifo, 0o600))
	must(b, os.WriteFile(filepath.Join(dir, "host-local"), []byte("#!/bin/sh\nread go <"+fifo+"\nexec "+bin+"/host-local\n"), 0o755))
	a := b.attach(conf, "slow", "net1")
	call := a.lab("ADD")
	call.Env = append(call.Env, "CNI_PATH="+dir)
	ended := make(chan lab.Reply, 1)
	go func() {
		reply, err := lab.CNI(bin, call)
		if err != nil {
			b.Error(err)
		}
		ended <- reply
	}()
	within(b.T, 10*time.Second, "begun: the ADD that takes long", exists(b.recordOf(a)))
	return func() lab.Reply { return <-ended }, func() { must(b, os.WriteFile(fifo, []byte("go\n"), 0o600)) }
}

// TestAgentDamagedRecord: a record that can't be read is reported, and keeps no
// other endpoint from being made again.
func TestAgentDamagedRecord(t *testing.T) {
	onEach(t, func(b *bench) {
		conf := b.network("net", b.hostLocal(1))
		whole, damaged := b.attach(conf, "whole", "net1"), b.attach(conf, "damaged", "net1")
		whole.add()
		damaged.add()
		record := b.recordOf(damaged)
		must(b, os.WriteFile(record, []byte("{"), 0o600))
		agent := b.agent()
		agent.says("can't be read", filepath.Base(record))
		b.restartVPP()
		agent.restored(whole)
		damaged.del()
		whole.del()
		agent.stop()
	})
}

// TestAgentTwice has two agents at once, as in an upgrade.
func TestAgentTwice(t *testing.T) {
	onEach(t, func(b *bench) {
		var all []attachment
		for i := range 30 {
			a := b.attach(b.network("net", b.subnet("10.9.0.0/24"), routed(7)), fmt.Sprintf("pod-%d", i), "net1")
			a.add()
			all = append(all, a)
		}
		first, second := b.agent(), b.agent()
		first.says("connected to VPP")
		second.says("connected to VPP")
		b.restartVPP()
		first.restored(all...)
		for _, a := range all {
			a.del()
		}
		first.stop()
		second.stop()
	})
}

// TestAgentSockets: the sockets that a restarted VPP makes get their owner and
// mode again, and one that somebody removed is made anew.
func TestAgentSockets(t *testing.T) {
	onEach(t, func(b *bench) {
		conf := b.network("net")
		conf["host"].(object)["memif"] = object{"socketOwner": "1234", "socketGroup": "2345", "socketMode": "0640"}
		a := b.attach(conf, "pod", "net1")
		a.add()
		agent := b.agent()
		granted := func() bool {
			found, err := filepath.Glob(filepath.Join(b.sharedDir(), "pod", "*.sock"))
			if err != nil || len(found) != 1 {
				return false
			}
			info, err := os.Stat(found[0])
			if err != nil {
				return false
			}
			stat := info.Sys().(*syscall.Stat_t)
			return stat.Uid == 1234 && stat.Gid == 2345 && info.Mode().Perm() == 0o640
		}
		b.restartVPP()
		agent.restored(a)
		within(b.T, 10*time.Second, "the socket's owner and mode as the network says", granted)
		sockets, _ := filepath.Glob(filepath.Join(b.sharedDir(), "pod", "*.sock"))
		must(b, os.Remove(sockets[0]))
		within(b.T, 10*time.Second, "made again: the socket", granted)
		must(b, os.Chown(sockets[0], 0, 0))
		within(b.T, 10*time.Second, "given to its owner again: the socket", granted)
		a.del()
		agent.stop()
	})
}

// TestAgentRxMode: the way to receive is set whenever the pod connects, which is
// long before the agent looks at everything again.
func TestAgentRxMode(t *testing.T) {
	onEach(t, func(b *bench) {
		p := b.pod("pod")
		a := p.attach(b.network("net", b.hostLocal(1), object{"host": object{
			"iftype": "memif", "netType": "bridge", "bridge": object{"bridgeId": 4}, "rxMode": "interrupt",
		}}), "net1")
		a.add()
		agent := b.agent("--interval", "1h")
		agent.says("connected to VPP")
		p.configure(1)
		agent.restored(a)
		b.restartVPP()
		p.connected(1)
		agent.restored(a)
		a.del()
		agent.stop()
	})
}

// TestAgentShows: metrics, probes and events tell how the node is.
func TestAgentShows(t *testing.T) {
	onEach(t, func(b *bench) {
		c := b.cluster()
		conf := b.network("net", b.hostLocal(1), object{"kubeconfig": c.kubeconfig})
		a := b.attach(conf, "pod", "net1").asPod("u-1")
		// The agent counts the calls that are made while it is there.
		agent := b.agent("--listen", "127.0.0.1:9477", "--node-name", "node", "--kubeconfig", c.kubeconfig)
		agent.answers("/readyz", http.StatusOK, "ok")
		a.add()
		refused := b.attach(b.network("net", object{"host": object{"engine": "vpp", "iftype": "memif", "netType": "ring"}}), "refused", "net1")
		refused.mustFail("ADD", 7, "host.netType")
		agent.answers("/healthz", http.StatusOK, "ok")
		iface := b.says("list", 0, "memif")
		iface = iface[strings.Index(iface, "memif"):]
		iface, _, _ = strings.Cut(iface, " ")
		agent.answers("/metrics", http.StatusOK,
			`userspace_attachments{kind="memif",network="net",state="down"} 1`,
			`userspace_calls_total{code="0",kind="memif",verb="ADD"} 1`,
			`userspace_calls_total{code="7",`,
			fmt.Sprintf(`userspace_vpp_up{socket="%s"} 1`, b.host.APISocket))
		if b.engine.Real { // the simulator has no such counters
			agent.answers("/metrics", http.StatusOK, fmt.Sprintf(
				`userspace_endpoint_receive_packets_total{endpoint="%s",interface="net1",namespace="default",network="net",pod="web"} 0`, iface))
		}
		must(b, b.host.Kill())
		agent.answers("/readyz", http.StatusServiceUnavailable, b.host.APISocket)
		agent.answers("/healthz", http.StatusOK, "ok")
		agent.answers("/metrics", http.StatusOK, fmt.Sprintf(`userspace_vpp_up{socket="%s"} 0`, b.host.APISocket))
		must(b, b.host.Start())
		agent.restored(a)
		agent.answers("/readyz", http.StatusOK, "ok")
		agent.answers("/metrics", http.StatusOK,
			fmt.Sprintf(`userspace_vpp_restarts_total{socket="%s"} 1`, b.host.APISocket),
			`userspace_repairs_total{kind="memif",network="net",result="ok"} 1`, `userspace_restore_duration_seconds_count 1`)
		within(b.T, 20*time.Second, "told by events: lost and restored", func() bool {
			all := ""
			for _, event := range c.Events() {
				all += string(event)
			}
			return strings.Contains(all, "EndpointLost") && strings.Contains(all, "EndpointRestored") && strings.Contains(all, `"u-1"`)
		})
		a.del()
		agent.stop()
	})
}

// answers waits until the agent answers at a path with the code and the words.
func (a *nodeAgent) answers(path string, code int, words ...string) {
	a.b.Helper()
	last := ""
	until := time.Now().Add(20 * time.Second)
	for time.Now().Before(until) {
		response, err := http.Get("http://127.0.0.1:9477" + path)
		if err != nil {
			last = err.Error()
			continue
		}
		body, err := io.ReadAll(response.Body)
		must(a.b, err)
		must(a.b, response.Body.Close())
		last = fmt.Sprintf("%d %s", response.StatusCode, ours(string(body)))
		missing := response.StatusCode != code
		for _, word := range words {
			missing = missing || !strings.Contains(string(body), word)
		}
		if !missing {
			return
		}
	}
	a.b.Fatalf("%s: not %d with %q, but %s\n%s", path, code, words, last, a.output)
}

// ours leaves out the metrics of the Go runtime.
func ours(body string) string {
	var kept strings.Builder
	for line := range strings.Lines(body) {
		if !strings.HasPrefix(line, "#") && !strings.HasPrefix(line, "go_") && !strings.HasPrefix(line, "process_") {
			kept.WriteString(line)
		}
	}
	return kept.String()
}

// TestAgentBlind: what the agent doesn't see, as in a container that lacks a
// mount, it neither repairs nor removes.
func TestAgentBlind(t *testing.T) {
	onEach(t, func(b *bench) {
		g := b.guest("pod", b.network("net", b.hostLocal(1)))
		agent := b.agent("--grace", "200ms", "--log-level", "debug")
		agent.says("connected to VPP")
		index := b.indexOf(g.attachment)
		for _, hidden := range []struct{ path, says string }{
			{filepath.Join(state.DefaultDir, "records"), "left alone"},
			{filepath.Join(b.sharedDir(), "pod"), "can't be seen"},
		} {
			must(b, os.Rename(hidden.path, hidden.path+"-elsewhere"))
			agent.says(hidden.says)
			must(b, os.Rename(hidden.path+"-elsewhere", hidden.path))
		}
		record := b.recordOf(g.attachment)
		must(b, os.Rename(record, record+".lost"))
		agent.says("unused", "there is no record of it")
		agent.looksAgain()
		must(b, os.Rename(record+".lost", record))
		agent.restored(g.attachment)
		if now := b.indexOf(g.attachment); now != index {
			b.Errorf("the endpoint was made anew: interface %d is %d now", index, now)
		}
		agent.stop()
		detach(g)
	})
}

// indexOf is the interface's of an attachment, which another one has after the
// endpoint was made anew.
func (b *bench) indexOf(a attachment) (index vpp.Index) {
	b.Helper()
	b.admin(func(ctx context.Context, s *vpp.Session) error {
		all, err := s.Interfaces(ctx)
		for _, iface := range all {
			if strings.HasPrefix(iface.Tag, cnivpp.TagPrefix) {
				index = iface.Index
			}
		}
		return err
	})
	if index == 0 {
		b.Fatalf("VPP has no interface of %s", a.id)
	}
	return index
}

// looksAgain waits for some looks of the agent's at everything.
func (a *nodeAgent) looksAgain() {
	a.b.Helper()
	const looks = 4 // more than the time of grace
	count := func() int { return strings.Count(a.output.String(), "looked for what is unused") }
	before := count()
	within(a.b.T, 20*time.Second, "done: some looks", func() bool { return count() >= before+looks })
}

// TestAgentAsksTheAPI: a pod that the API server has no more is collected though
// its network namespace is still there, but not while the API server is away.
func TestAgentAsksTheAPI(t *testing.T) {
	onEach(t, func(b *bench) {
		c := b.cluster()
		a := b.attach(b.network("net", b.hostLocal(1), object{"kubeconfig": c.kubeconfig}), "pod", "net1").asPod("u-1")
		a.add()
		c.Put(`{"metadata":{"namespace":"kube-system","name":"another","uid":"u-2"},"spec":{"nodeName":"node"}}`)
		c.Hook(func(w http.ResponseWriter, _ *http.Request) bool {
			fakeapi.Fail(w, http.StatusServiceUnavailable, "ServiceUnavailable", "for a while")
			return true
		})
		c.Delete("default", "web")
		agent := b.agent("--grace", "500ms", "--node-name", "node", "--kubeconfig", c.kubeconfig)
		agent.says("connected to VPP")
		agent.says("API server", "none is taken for gone")
		agent.restored(a)
		c.Hook(nil)
		agent.says("removed", "default/web")
		agent.stop()
	})
}

// TestAgentDumps: the agent asks VPP for everything of a type at once, however
// many endpoints there are.
func TestAgentDumps(t *testing.T) {
	onEach(t, func(b *bench) {
		few, many := b.dumps(3), b.dumps(30)
		for name, n := range many {
			if n > few[name] {
				b.Errorf("%s: %d times for 3 endpoints, %d times for 30", name, few[name], n)
			}
		}
		if few["sw_interface_dump"] == 0 {
			b.Errorf("nothing was dumped: %v", few)
		}
	})
}

// dumps counts those of each type by which the agent restores pods on a bridge
// and on a routed network.
func (b *bench) dumps(pods int) map[string]int {
	b.Helper()
	networks := []object{b.network("flat", b.hostLocal(1)), b.network("routed", b.subnet("10.9.0.0/24", "fd00:9::/64"), routed(7))}
	var all []attachment
	path := b.switched()
	for i := range pods {
		for _, conf := range networks {
			conf["vppApiSocket"] = path
			a := b.attach(conf, fmt.Sprintf("pod-%d", i), conf["name"].(string))
			a.add()
			all = append(all, a)
		}
	}
	b.restartVPP()
	proxy, err := lab.NewProxy(filepath.Join(b.dir, fmt.Sprintf("counting-%d", pods)), b.host.APISocket)
	must(b, err)
	b.link(proxy.Path, path)
	agent := b.agent("--vpp-api-socket", path, "--interval", "1h")
	agent.says("repaired")
	agent.stop()
	must(b, proxy.Close())
	b.switched()
	agent.restored(all...)
	counts := map[string]int{}
	for _, name := range proxy.Seen() {
		if strings.HasSuffix(name, "_dump") {
			counts[name]++
		}
	}
	for _, a := range all {
		a.del()
	}
	return counts
}
