package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/userspace-cni/userspace-cni/cnivpp/vpp"
	"github.com/userspace-cni/userspace-cni/test/lab"
)

// packets compares the rate of packets through the plugin's vhost-user endpoints
// with that through the same ones made by hand, between two dpdk-testpmd in a
// bridge.
func packets(b *bench) error {
	const what, target = "packets, made by hand / by the plugin", 1 / 0.98
	if missing := lab.NoTestpmd(); missing != "" {
		fmt.Printf("%-52s %s\n", what, missing)
		return nil
	}
	ours, err := b.oursPair()
	if err != nil {
		return err
	}
	defer ours.end()
	hand, err := b.handPair()
	if err != nil {
		return err
	}
	defer hand.end()
	const pairs = 9
	var c comparison
	for i := range pairs + 1 {
		first, second := ours, hand
		if i%2 == 1 {
			first, second = hand, ours
		}
		if err := errors.Join(first.measure(), second.measure()); err != nil {
			return err
		}
		if i > 0 {
			c.add(ours.perThousand, hand.perThousand)
		}
	}
	row{what, c.ratio(), "x", target, fmt.Sprintf("%.2f / %.2f million packets a second, medians of %d pairs",
		rate(c.other.median()), rate(c.one.median()), pairs)}.print()
	return nil
}

// rate is in million packets a second, from the time for a thousand.
func rate(perThousand time.Duration) float64 {
	return float64(time.Millisecond) / float64(perThousand)
}

// traffic is a sender and a receiver on one bridge.
type traffic struct {
	sender, receiver *lab.Testpmd
	// perThousand is the time for a thousand packets, of the last measurement.
	perThousand time.Duration
	undo        func() error
}

func (t *traffic) end() {
	for _, p := range []*lab.Testpmd{t.sender, t.receiver} {
		if p != nil {
			p.Kill()
		}
	}
	if err := t.undo(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
	}
}

// window is how long packets are counted.
const window = 2 * time.Second

// measure sends for a while, and counts what arrives in the window.
func (t *traffic) measure() error {
	if err := errors.Join(t.receiver.Say("start"), t.sender.Say("start")); err != nil {
		return err
	}
	time.Sleep(window / 4) // until it flows
	before, err := t.receiver.Received()
	if err != nil {
		return err
	}
	started := time.Now()
	time.Sleep(window)
	after, err := t.receiver.Received()
	took := time.Since(started)
	if err = errors.Join(err, t.sender.Say("stop"), t.receiver.Say("stop")); err != nil {
		return err
	}
	if after == before {
		return errors.New("no packet arrives")
	}
	t.perThousand = 1000 * took / time.Duration(after-before)
	return nil
}

// oursPair are two endpoints that ADD makes, and usrsp-app's arguments.
func (b *bench) oursPair() (*traffic, error) {
	conf := b.network(object{"name": "packets", "host": object{
		"engine": "vpp", "iftype": "vhostuser", "netType": "bridge", "bridge": object{"bridgeName": "6"},
	}})
	pods := []string{"sender", "receiver"}
	for _, pod := range pods {
		if err := b.succeed(b.call("ADD", conf, pod)); err != nil {
			return nil, err
		}
	}
	t, err := b.start("ours", func(i int, call *lab.TestpmdCall) {
		call.Args = []string{"--shared-dir", filepath.Join(b.dir, "shared", pods[i]), "--timeout", "20s"}
	})
	t.undo = func() error {
		return errors.Join(b.succeed(b.call("DEL", conf, pods[0])), b.succeed(b.call("DEL", conf, pods[1])))
	}
	return t, err
}

// handPair are two endpoints made by VPP's commands.
func (b *bench) handPair() (*traffic, error) {
	session, err := vpp.Connect(context.Background(), b.host.APISocket)
	if err != nil {
		return nil, err
	}
	defer session.Close()
	var sockets []string
	for i := range 2 {
		socket := fmt.Sprintf("%s/hand%d.sock", b.dir, i)
		sockets = append(sockets, socket)
		name, err := session.CLI(context.Background(), fmt.Sprintf("create vhost-user socket %s server hwaddr 02:fe:00:00:01:0%d", socket, i))
		if err != nil {
			return nil, err
		}
		name = strings.TrimSpace(name)
		for _, command := range []string{"set interface state " + name + " up", "set interface l2 bridge " + name + " 7"} {
			if answer, err := session.CLI(context.Background(), command); err != nil || answer != "" {
				return nil, fmt.Errorf("%s: %s %w", command, answer, err)
			}
		}
	}
	t, err := b.start("hand", func(i int, call *lab.TestpmdCall) {
		call.EAL = []string{fmt.Sprintf("--vdev=net_virtio_user0,path=%s,queues=1", sockets[i]), "--single-file-segments"}
	})
	t.undo = func() error { return nil } // they end with this VPP
	return t, err
}

// start starts a sender and a receiver, in whose call something is filled in.
func (b *bench) start(name string, fill func(int, *lab.TestpmdCall)) (*traffic, error) {
	t := &traffic{}
	for i, mode := range []string{"txonly", "rxonly"} {
		call := lab.TestpmdCall{
			Dir: fmt.Sprintf("%s/%s%d", b.dir, name, i), Netns: b.netns, Options: []string{"--forward-mode=" + mode},
		}
		fill(i, &call)
		running, err := lab.StartTestpmd(b.bin, call)
		if err != nil {
			return t, err
		}
		if i == 0 {
			t.sender = running
			continue
		}
		t.receiver = running
	}
	return t, nil
}
