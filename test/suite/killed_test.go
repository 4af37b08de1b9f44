package suite

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/userspace-cni/userspace-cni/pkg/state"
	"github.com/userspace-cni/userspace-cni/pkg/vppsim/fault"
	"github.com/userspace-cni/userspace-cni/test/lab"
)

// afterwards is what may follow a call that was killed. Each leaves nothing.
var afterwards = map[string]func(b *bench, a attachment){
	"DEL":         func(_ *bench, a attachment) { a.del() },
	"ADD and DEL": func(_ *bench, a attachment) { a.add(); a.del() },
	"DEL without a record": func(b *bench, a attachment) {
		must(b, os.RemoveAll(filepath.Join(state.DefaultDir, "records")))
		a.del()
	},
}

// TestKilled kills ADD and DEL before each of their messages to VPP in turn.
func TestKilled(t *testing.T) {
	onEach(t, func(b *bench) {
		for _, command := range []string{"ADD", "DEL"} {
			for then, follow := range afterwards {
				n := 1
				for struck := true; struck; n++ {
					a := b.attach(b.network("net", b.hostLocal(1), object{"vppApiSocket": b.switched()}), "killed", "net1")
					if command == "DEL" {
						a.add()
					}
					struck = b.killAt(a.lab(command), n)
					follow(b, a)
					if left := b.left(); left != "" {
						b.Errorf("%s killed before message %d, then %s: left behind:\n%s", command, n, then, left)
					}
				}
				if n < 4 {
					b.Errorf("%s was killed %d times, it has more messages than that", command, n-2)
				}
			}
		}
	})
}

// TestKilledInNetworks kills ADD before each of its messages in networks that
// have more objects than a bridge. On the simulator alone: on a real VPP it did not
// end in two minutes, perhaps because so many clients hang up (see
// docs/troubleshooting.md).
func TestKilledInNetworks(t *testing.T) {
	b := newBench(t, engines[0])
	b.uplink("master", filepath.Join(b.dir, "link.sock"))
	before := b.left()
	for name, change := range map[string]object{
		"uplink": bridged(object{"bridgeName": "blue", "vlanId": 100, "uplink": "memif9/0"}),
		"routed": routed(42),
	} {
		n := 1
		for struck := true; struck; n++ {
			a := b.attach(b.network("net", b.subnet("10.1.0.0/24", "fd00:1::/64"), change, object{"vppApiSocket": b.switched()}), "killed", "net1")
			struck = b.killAt(a.lab("ADD"), n)
			a.del()
			if left := b.left(); left != before {
				b.Errorf("%s: killed before message %d, then DEL: left behind:\n%s", name, n, left)
			}
			if b.killAt(a.lab("ADD"), n) != struck {
				b.Errorf("%s: the second ADD has another number of messages than %d", name, n)
			}
			// Another pod's ADD finds what is half made.
			second := b.attach(b.network("net", b.subnet("10.1.0.0/24", "fd00:1::/64"), change), "second", "net1")
			second.add()
			must(b, second.call("CHECK").Error())
			a.del()
			must(b, second.call("CHECK").Error())
			second.del()
			if left := b.left(); left != before {
				b.Errorf("%s: killed before message %d, then another ADD: left behind:\n%s", name, n, left)
			}
		}
		if n < 10 {
			b.Errorf("%s: ADD was killed %d times, it has more messages than that", name, n-2)
		}
	}
	b.removeUplink()
}

// switched is a path that leads to VPP's API socket, or to where b.link leads it.
func (b *bench) switched() string {
	b.Helper()
	path := filepath.Join(b.dir, "switched")
	b.link(b.host.APISocket, path)
	return path
}

// killAt makes a call and kills it when it has sent its n-th message, which VPP
// doesn't get. It tells whether there was one.
func (b *bench) killAt(call lab.Call, n int) bool {
	b.Helper()
	proxy, err := lab.NewProxy(filepath.Join(b.dir, "killer"), b.host.APISocket, fault.Fault{Action: fault.Hang, N: n})
	must(b, err)
	defer proxy.Close()
	b.link(proxy.Path, filepath.Join(b.dir, "switched"))
	defer b.switched()
	cmd := call.Process(bin)
	must(b, cmd.Start())
	ended := make(chan struct{})
	go func() { cmd.Wait(); close(ended) }()
	within(b.T, 20*time.Second, "ended, nor at its message", func() bool {
		select {
		case <-ended:
			return true
		default:
			return len(proxy.Seen()) >= n
		}
	})
	struck := len(proxy.Seen()) >= n
	cmd.Process.Kill()
	<-ended
	return struck
}

// TestKilledAtIPAM has IPAM kill the plugin that called it.
func TestKilledAtIPAM(t *testing.T) {
	b := newBench(t, engines[0])
	for when, script := range map[string]string{
		"before": "kill -9 $PPID",
		"after":  bin + "/host-local; kill -9 $PPID",
	} {
		for then, follow := range afterwards {
			dir := filepath.Join(b.dir, "killing-ipam")
			must(b, os.MkdirAll(dir, 0o755))
			must(b, os.WriteFile(filepath.Join(dir, "host-local"), []byte("#!/bin/sh\n"+script+"\n"), 0o755))
			a := b.attach(b.network("net", b.hostLocal(1)), "killed", "net1")
			call := a.lab("ADD")
			call.Env = []string{"CNI_PATH=" + dir}
			if err := call.Process(bin).Run(); err == nil || !strings.Contains(err.Error(), "killed") {
				t.Fatalf("ADD: %v, want it killed", err)
			}
			follow(b, a)
			if left := b.left(); left != "" {
				t.Errorf("killed %s IPAM, then %s: left behind:\n%s", when, then, left)
			}
		}
	}
}

// TestLostConnection has VPP drop the connection at each message in turn: ADD
// fails and leaves nothing, DEL looks again and succeeds.
func TestLostConnection(t *testing.T) {
	onEach(t, func(b *bench) {
		for n, struck := 1, true; struck; n++ {
			a := b.attach(b.network("net", b.hostLocal(1), object{"vppApiSocket": b.switched()}), "dropped", "net1")
			reply, added := b.dropAt(a, "ADD", n)
			if added {
				a.mustBeRefused(reply, 11)
			} else {
				must(b, reply.Error())
			}
			if left := b.left(); added && left != "" {
				b.Errorf("ADD lost the connection at message %d: left behind:\n%s", n, left)
			}
			a.add()
			reply, deleted := b.dropAt(a, "DEL", n)
			must(b, reply.Error())
			if left := b.left(); left != "" {
				b.Errorf("DEL lost the connection at message %d: left behind:\n%s", n, left)
			}
			struck = added || deleted
		}
	})
}

// dropAt makes a call whose connection to VPP ends at the n-th message, and
// tells whether there was one.
func (b *bench) dropAt(a attachment, command string, n int) (reply lab.Reply, struck bool) {
	b.Helper()
	proxy, err := lab.NewProxy(filepath.Join(b.dir, "dropper"), b.host.APISocket, fault.Fault{Action: fault.Die, N: n})
	must(b, err)
	b.link(proxy.Path, filepath.Join(b.dir, "switched"))
	reply = a.call(command)
	b.switched()
	must(b, proxy.Close())
	return reply, len(proxy.Seen()) >= n
}

// TestAtOnce makes calls about the same attachments at the same time, all on
// one bridge, which comes and goes with them, and some in one directory.
func TestAtOnce(t *testing.T) {
	onEach(t, func(b *bench) {
		var calls sync.WaitGroup
		var all []attachment
		for i, id := range []string{"same", "same", "other"} {
			all = append(all, b.attach(b.network(fmt.Sprintf("net-%d", i), b.hostLocal(i+1)), id, "net1"))
		}
		for i := range 12 {
			calls.Go(func() {
				a, command := all[i%len(all)], []string{"ADD", "DEL"}[i%2]
				for range 10 {
					if err := a.call(command).Error(); err != nil {
						b.Errorf("%s: %v", command, err)
					}
				}
			})
		}
		calls.Wait()
		for _, a := range all {
			a.del()
		}
	})
}

// TestHungVPP makes calls to a VPP that doesn't answer: they fail in time with
// the code for "later", DEL has given the addresses back, and works later.
func TestHungVPP(t *testing.T) {
	b := newBench(t, engines[len(engines)-1])
	a := b.attach(b.network("net", b.hostLocal(1)), "hung", "net1")
	a.add()
	must(b, b.host.Signal(syscall.SIGSTOP))
	started := time.Now()
	a.mustFail("DEL", 11, "VPP does not answer", b.host.APISocket)
	if took := time.Since(started); took > 11*time.Second {
		t.Errorf("DEL took %s", took)
	}
	if left, err := lab.FilesLeft(b.ipamDir()); left != "" || err != nil {
		t.Errorf("addresses were kept: %v %s", err, left)
	}
	must(b, b.host.Signal(syscall.SIGCONT))
	a.del()
}

// TestHungAdd makes ADDs to a VPP that stops answering, before the call and at
// each of its messages: they fail within the time that the node gives them, with
// the code for "later". What couldn't be undone meanwhile the DEL takes away.
func TestHungAdd(t *testing.T) {
	const addTimeout, limit = 600 * time.Millisecond, 3 * time.Second // the machine may be busy
	onEach(t, func(b *bench) {
		b.node(object{"addTimeout": addTimeout.String()})
		a := b.attach(b.network("net", b.hostLocal(1), object{"vppApiSocket": b.switched()}), "hung", "net1")
		hung := func(when string, words ...string) {
			b.Helper()
			started := time.Now()
			a.mustFail("ADD", 11, append(words, "VPP does not answer")...)
			if took := time.Since(started); took > limit {
				b.Errorf("%s: ADD took %s, it has %s", when, took, addTimeout)
			}
		}
		must(b, b.host.Signal(syscall.SIGSTOP))
		hung("stopped", "DEL will try again")
		must(b, b.host.Signal(syscall.SIGCONT))
		a.del()
		b.nothingLeft()
		hangs := 0
		for n, struck := 1, true; struck; n++ {
			proxy, err := lab.NewProxy(filepath.Join(b.dir, "hanging"), b.host.APISocket, fault.Fault{Action: fault.Hang, N: n})
			must(b, err)
			b.link(proxy.Path, filepath.Join(b.dir, "switched"))
			started := time.Now()
			reply := a.call("ADD")
			if struck = len(proxy.Seen()) >= n; struck {
				hangs++
				a.mustBeRefused(reply, 11, "VPP does not answer")
				if took := time.Since(started); took > limit {
					b.Errorf("hanging at message %d: ADD took %s, it has %s", n, took, addTimeout)
				}
			} else {
				must(b, reply.Error())
			}
			b.switched()
			must(b, proxy.Close())
			a.del()
			if left := b.left(); left != "" {
				b.Errorf("hanging at message %d: left behind:\n%s", n, left)
			}
		}
		if hangs < 5 {
			b.Errorf("ADD hung at %d messages, it has more than that", hangs)
		}
	})
}

// TestNotVPP gives paths as VPP's API socket that are something else: ADD says
// so, and no DEL fails for it.
func TestNotVPP(t *testing.T) {
	onEach(t, func(b *bench) {
		file := filepath.Join(b.dir, "file")
		must(b, os.WriteFile(file, nil, 0o644))
		packets := filepath.Join(b.dir, "packets") // as VPP's stats.sock
		defer listen(b, packets).Close()
		sockets := []string{file, file + "/api.sock", b.dir, packets}
		if b.engine.Real {
			sockets = append(sockets, filepath.Join(b.host.Dir, "cli.sock"))
		}
		for _, socket := range sockets {
			a := b.attach(b.network("net", b.hostLocal(1), object{"vppApiSocket": socket}), "misled", "net1")
			a.mustFail("ADD", 11, "VPP is not running", socket)
			a.del()
			if left := b.left(); left != "" {
				b.Errorf("%s: left behind:\n%s", socket, left)
			}
		}
	})
}
