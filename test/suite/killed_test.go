package suite

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/userspace-cni/userspace-cni/test/lab"
)

// afterwards is what may follow a call that was killed. Each leaves nothing.
var afterwards = []struct {
	name   string
	follow func(b *bench, a attachment)
}{
	{"DEL", func(_ *bench, a attachment) { a.del() }},
	{"ADD and DEL", func(b *bench, a attachment) {
		a.add()
		if err := a.call("CHECK").Error(); err != nil {
			b.Errorf("CHECK: %v", err)
		}
		a.del()
	}},
	{"GC", func(b *bench, a attachment) {
		a.conf = merge(b, a.conf, valid())
		if err := a.call("GC").Error(); err != nil {
			b.Errorf("GC: %v", err)
		}
	}},
	{"another pod's ADD", func(b *bench, a attachment) { // it finds what is half made
		second := a
		second.id = "second"
		second.add()
		a.del()
		if err := second.call("CHECK").Error(); err != nil {
			b.Errorf("CHECK: %v", err)
		}
		second.del()
	}},
}

// merge adds fields to a configuration.
func merge(b *bench, conf []byte, more object) []byte {
	b.Helper()
	all := object{}
	must(b, json.Unmarshal(conf, &all))
	maps.Copy(all, more)
	return encode(b.T, all)
}

// TestKilled kills ADD and DEL before each change that they make to a file
// system, and before and after each message to VPP and the API server. On the
// simulator everything that may follow does, on a real VPP one of it in turn.
func TestKilled(t *testing.T) {
	points := map[bool]int{}
	onVariants(t, func(b *bench, s surroundings) {
		a := s.attach(b, "killed", "net1")
		for _, command := range []string{"ADD", "DEL"} {
			n := 1
			for ; b.killedThen(a, command, n) && !b.Failed(); n++ {
			}
			if n < 10 {
				b.Errorf("%s was killed %d times, it has more changes than that", command, n-1)
			}
			points[b.engine.Real] += n - 1
		}
	})
	summary(t, "TestKilled: killed at %d points on the simulator, at %d on a real VPP", points[false], points[true])
}

// killedThen kills a call at its n-th point, and goes on in each way. It returns
// false when the call has no such point.
func (b *bench) killedThen(a attachment, command string, n int) bool {
	b.Helper()
	ways := afterwards
	if b.engine.Real {
		ways = afterwards[n%len(afterwards):][:1]
	}
	for _, then := range ways {
		if command == "DEL" {
			a.add()
		}
		change, killed := b.killAt(a.lab(command), n)
		then.follow(b, a)
		if left := b.left(); left != "" {
			b.Errorf("%s killed at %s, then %s: left behind:\n%s", command, change, then.name, left)
		}
		if !killed {
			return false
		}
	}
	return true
}

// killAt makes a call and kills it at its n-th point, which it describes.
func (b *bench) killAt(call lab.Call, n int) (point string, killed bool) {
	b.Helper()
	seen := 0
	killed, err := lab.Trace(call.Process(bin), func(change lab.Change, after bool) bool {
		if strings.HasSuffix(change.Target, "/lock") {
			return false // always there, once it has been
		}
		seen++
		point = fmt.Sprintf("point %d, before %s", n, change)
		if after {
			point = fmt.Sprintf("point %d, after %s", n, change)
		}
		return seen == n
	})
	must(b, err)
	return point, killed
}

// switched is a path that leads to VPP's API socket, or to where b.link leads it.
func (b *bench) switched() string {
	b.Helper()
	path := filepath.Join(b.dir, "switched")
	b.link(b.host.APISocket, path)
	return path
}

// TestKilledAtIPAM has IPAM kill the plugin that called it.
func TestKilledAtIPAM(t *testing.T) {
	b := newBench(t, engines[0])
	for when, script := range map[string]string{
		"before": "kill -9 $PPID",
		"after":  bin + "/host-local; kill -9 $PPID",
		// Its caller's killer doesn't wait for it.
		"while it runs": "kill -9 $PPID; sleep 0.3; " + bin + "/host-local",
	} {
		for _, then := range afterwards {
			dir := filepath.Join(b.dir, "killing-ipam")
			ended := filepath.Join(dir, "ended")
			must(b, os.MkdirAll(dir, 0o755))
			must(b, os.RemoveAll(ended))
			must(b, os.WriteFile(filepath.Join(dir, "host-local"), []byte("#!/bin/sh\n"+script+"\ntouch "+ended+"\n"), 0o755))
			a := b.attach(b.network("net", b.hostLocal(1)), "killed", "net1")
			call := a.lab("ADD")
			call.Env = []string{"CNI_PATH=" + dir}
			if err := call.Process(bin).Run(); err == nil || !strings.Contains(err.Error(), "killed") {
				t.Fatalf("ADD: %v, want it killed", err)
			}
			then.follow(b, a)
			within(t, 10*time.Second, "ended: the IPAM plugin", func() bool {
				_, err := os.Stat(ended)
				return err == nil
			})
			if left := b.left(); left != "" {
				t.Errorf("killed %s IPAM, then %s: left behind:\n%s", when, then.name, left)
			}
		}
	}
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

// TestHungAdd makes an ADD to a VPP that has stopped: it fails within the time
// that the node gives it, with the code for "later". What couldn't be undone the
// DEL takes away.
func TestHungAdd(t *testing.T) {
	onEach(t, func(b *bench) {
		b.node(object{"addTimeout": hangTimeout.String()})
		a := b.attach(b.network("net", b.hostLocal(1), object{"vppApiSocket": b.switched()}), "hung", "net1")
		hung := func(when string, words ...string) {
			b.Helper()
			started := time.Now()
			a.mustFail("ADD", 11, append(words, "VPP does not answer")...)
			if took := time.Since(started); took > hangLimit {
				b.Errorf("%s: ADD took %s, it has %s", when, took, hangTimeout)
			}
		}
		must(b, b.host.Signal(syscall.SIGSTOP))
		hung("stopped", "DEL will try again")
		must(b, b.host.Signal(syscall.SIGCONT))
		a.del()
		b.nothingLeft()
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
