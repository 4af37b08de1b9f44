package main

import (
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/userspace-cni/userspace-cni/test/lab"
)

// ordinary measures on a VPP with few endpoints. A row that can't be measured
// doesn't keep the others from it.
func ordinary(b *bench) error {
	if err := b.fill(1); err != nil { // so that the bridge domain stays
		return err
	}
	var failed []error
	for _, measure := range []func() error{
		b.sameMessages, b.againstBare, b.againstBridge, b.memory, b.withAPI, b.rtnetlink, b.parallel, b.ofSockets,
	} {
		failed = append(failed, measure())
	}
	return errors.Join(failed...)
}

// sameMessages makes sure that the bare process asks VPP for what ADD does.
func (b *bench) sameMessages() error {
	add, err := b.messages(func(api string) subject {
		return b.add(b.network(object{"vppApiSocket": api}))
	})
	if err != nil {
		return err
	}
	bare, err := b.messages(b.bare)
	if err != nil {
		return err
	}
	if !slices.Equal(add, bare) {
		return fmt.Errorf("ADD sends %v, the bare process %v: it is no measure", add, bare)
	}
	row{what: "requests to VPP in an ADD", figure: float64(len(add)), detail: "the bare process sends the same"}.print()
	return nil
}

// messages are the names of those that a subject sends to VPP.
func (b *bench) messages(of func(api string) subject) ([]string, error) {
	proxy, err := lab.NewProxy(b.dir+"/proxy.sock", b.host.APISocket)
	if err != nil {
		return nil, err
	}
	defer proxy.Close()
	s := of(proxy.Path)
	if _, err := (subject{process: s.process}).run(0); err != nil {
		return nil, err
	}
	seen := proxy.Seen()
	return seen, s.undo(0)
}

func (b *bench) againstBare() error {
	c, err := compare(60, b.add(b.network()), b.bare(b.host.APISocket))
	if err != nil {
		return err
	}
	c.row("ADD / a bare govpp process", 2.5).print()
	return nil
}

// againstBridge measures with host-local, each ADD in a fresh network namespace.
func (b *bench) againstBridge() error {
	ours := b.network(object{"name": "ours"}, b.hostLocal("10.1.0.0/16"))
	kernels := encode(object{
		"cniVersion": "1.1.0", "name": "kernels", "type": "bridge", "bridge": "bench0",
		"ipam": b.hostLocal("10.2.0.0/16")["ipam"],
	})
	c, err := compare(50, b.inFreshNetns("userspace", ours), b.inFreshNetns("bridge", kernels))
	if err != nil {
		return err
	}
	c.row("ADD with host-local / the kernel's bridge with it", 1).print()
	return nil
}

// inFreshNetns is an ADD of a CNI plugin into a network namespace of its own.
func (b *bench) inFreshNetns(plugin string, conf []byte) subject {
	process := func(command string, i int) *exec.Cmd {
		call := b.call(command, conf, fmt.Sprintf("%s-%d", plugin, i))
		call.Netns = "/run/netns/" + call.ContainerID
		cmd := call.Process(b.bin)
		cmd.Path = filepath.Join(b.bin, plugin)
		return cmd
	}
	return subject{
		process: func(i int) (*exec.Cmd, error) {
			_, err := lab.NewNetns(fmt.Sprintf("%s-%d", plugin, i))
			return process("ADD", i), err
		},
		undo: func(i int) error {
			del := process("DEL", i)
			_, err := timed(del)
			return errors.Join(err, lab.DeleteNetns(fmt.Sprintf("/run/netns/%s-%d", plugin, i)))
		},
	}
}

// withAPI measures what an API server costs: memory, and requests to it.
func (b *bench) withAPI() error {
	api, err := newCluster(b.dir)
	if err != nil {
		return err
	}
	defer api.Close()
	conf := b.network(object{"kubeconfig": api.kubeconfig})
	call := func(command string) lab.Call {
		call := b.call(command, conf, "pod")
		call.Args = podArgs
		return call
	}
	add := call("ADD").Process(b.bin)
	if _, err := timed(add); err != nil {
		return err
	}
	requests := api.Requests()
	if err := b.succeed(call("DEL")); err != nil {
		return err
	}
	row{
		what: "requests to the API server in an ADD", figure: float64(len(requests)), target: 2,
		detail: strings.Join(requests, ", "),
	}.print()
	return b.peak("peak anonymous memory in ADD, with an API server", 15, call)
}
