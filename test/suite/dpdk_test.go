package suite

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/userspace-cni/userspace-cni/test/lab"
)

// application is a pod with dpdk-testpmd instead of a VPP.
type application struct {
	*pod
	*lab.Testpmd
	queues  int
	options []string
	// as are the words that make another user of it, words what it is given
	// instead of options.
	as, words []string
}

// needTestpmd skips what needs dpdk-testpmd.
func needTestpmd(t *testing.T) {
	t.Helper()
	if missing := lab.NoTestpmd(); missing != "" {
		t.Skip(missing)
	}
}

// application is a pod whose application isn't started yet.
func (b *bench) application(id string, queues int, options ...string) *application {
	b.Helper()
	b.pods++
	netns := newNetns(b.T, fmt.Sprintf("%sp%d", filepath.Base(b.dir), b.pods))
	options = append(options, fmt.Sprintf("--rxq=%d", queues), fmt.Sprintf("--txq=%d", queues))
	return &application{pod: &pod{b: b, id: id, netns: netns}, queues: queues, options: options}
}

// start starts dpdk-testpmd with what usrsp-app prints for the pod.
func (a *application) start() {
	a.b.Helper()
	must(a.b, a.tryStart())
}

func (a *application) tryStart() error {
	args := []string{"--shared-dir", a.sharedDir(), "--timeout", "20s"}
	if a.queues > 1 {
		args = append(args, "--queues", fmt.Sprint(a.queues))
	}
	dir := filepath.Join(a.b.dir, "testpmd-"+a.id)
	must(a.b, os.MkdirAll(dir, 0o777))
	must(a.b, os.Chmod(dir, 0o1777))
	script, err := os.ReadFile("../../docker/dpdk-testpmd/start-testpmd")
	must(a.b, err)
	running, err := lab.StartTestpmd(bin, lab.TestpmdCall{
		Dir: dir, Netns: a.netns, As: a.as, Script: string(script), Args: args, Options: a.options, Words: a.words,
	})
	if err != nil {
		return err
	}
	a.Testpmd = running
	a.b.Cleanup(func() {
		running.Kill()
		if a.b.Failed() {
			a.b.Logf("dpdk-testpmd of %s wrote:\n%s", a.id, running.Output())
		}
	})
	return nil
}

// linked waits until the application is connected to the host's VPP.
func (a *application) linked() {
	a.b.Helper()
	within(a.b.T, 20*time.Second, a.id+" connected", func() bool {
		up, err := a.HasLink()
		must(a.b, err)
		return up
	})
}

// burst is the number of frames in one of testpmd's.
const burst = 32

// mustSend asserts that frames from one application come to the other, and none
// is lost once the way is there.
func (a *application) mustSend(to *application) {
	a.b.Helper()
	must(a.b, to.Say("start"))
	before := to.received()
	within(a.b.T, 20*time.Second, fmt.Sprintf("a frame from %s to %s", a.id, to.id), func() bool {
		must(a.b, a.Burst(1))
		return to.receives(before+1, 300*time.Millisecond)
	})
	to.settles()
	before = to.received()
	times := 4 / a.queues // what one ring of 256 holds, whichever VPP chooses
	must(a.b, a.Burst(times))
	if want := before + times*burst*a.queues; !to.receives(want, 5*time.Second) || to.received() != want {
		a.b.Errorf("%s received %d frames of %s, want %d", to.id, to.received()-before, a.id, want-before)
	}
}

func (a *application) received() int {
	a.b.Helper()
	n, err := a.Received()
	must(a.b, err)
	return n
}

// receives waits until so many frames have come in all.
func (a *application) receives(count int, limit time.Duration) bool {
	a.b.Helper()
	for until := time.Now().Add(limit); a.received() < count; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(until) {
			return false
		}
	}
	return true
}

// settles waits until no more frames come.
func (a *application) settles() {
	a.b.Helper()
	for before := -1; before != a.received(); time.Sleep(50 * time.Millisecond) {
		before = a.received()
	}
}

// exchange asserts frames in both directions.
func (a *application) exchange(with *application) {
	a.b.Helper()
	a.linked()
	with.linked()
	a.mustSend(with)
	with.mustSend(a)
}

// TestDPDKMemif lets two applications exchange frames over DPDK's memif driver,
// with sockets of both sorts, and again after each was started anew.
func TestDPDKMemif(t *testing.T) {
	needTestpmd(t)
	for name, memif := range map[string]object{
		"file":     {"secret": "known/to+both", "ringSize": 512, "bufferSize": 4096},
		"abstract": {"socketType": "abstract"},
		"queues":   {"rxQueues": 4, "txQueues": 4},
	} {
		t.Run(name, func(t *testing.T) {
			onEach(t, func(b *bench) {
				queues := 1
				if name == "queues" {
					queues = 4
				}
				b.dpdkPair(queues, b.network("net", object{
					"host": object{"iftype": "memif", "netType": "bridge", "bridge": object{"bridgeId": 4}, "memif": memif},
				}))
			})
		})
	}
}

// dpdkPair has two applications on a network exchange frames.
func (b *bench) dpdkPair(queues int, conf object) {
	b.Helper()
	pods := []*application{b.application("pod-1", queues, "--forward-mode=rxonly"), b.application("pod-2", queues, "--forward-mode=rxonly")}
	var attached []attachment
	for _, p := range pods {
		a := p.attach(conf, "net1")
		a.add()
		attached = append(attached, a)
		p.start()
	}
	pods[0].exchange(pods[1])
	pods[0].mustUseQueues()
	if err := attached[0].call("CHECK").Error(); err != nil {
		b.Errorf("CHECK: %v", err)
	}
	pods[0].Kill()
	pods[0].start()
	pods[0].exchange(pods[1])
	must(b, pods[1].Quit())
	pods[1].start()
	pods[0].exchange(pods[1])
	for _, a := range attached {
		a.del()
	}
}

// mustUseQueues asserts that frames have gone by every queue.
func (a *application) mustUseQueues() {
	a.b.Helper()
	for queue := range a.queues {
		if sent, err := a.SentBy(queue); err != nil || sent == 0 {
			a.b.Errorf("queue %d of %s sent %d frames (%v)", queue, a.id, sent, err)
		}
	}
}
