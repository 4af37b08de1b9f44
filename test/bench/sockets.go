package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"time"

	current "github.com/containernetworking/cni/pkg/types/100"
	"github.com/containernetworking/cni/pkg/types/create"

	"github.com/userspace-cni/userspace-cni/cnivpp/vpp"
	"github.com/userspace-cni/userspace-cni/test/lab"
)

// sockets compares iperf3 over VCL, from one pod of a node to another, with iperf3
// over the kernel's bridge.
func sockets(b *bench) error {
	const what = "iperf3 over VCL / over the kernel's bridge"
	library, missing := lab.VCLLibrary(b.host.Engine)
	if missing == "" {
		missing = noIperf()
	}
	if missing != "" {
		fmt.Printf("%-52s %s\n", what, missing)
		return nil
	}
	paths, err := b.paths(library)
	if err == nil {
		err = b.race(paths)
	}
	for _, p := range paths {
		err = errors.Join(err, p.end())
	}
	return errors.Join(err, b.nothingLeft())
}

// path is a way from one pod to another.
type path struct {
	name           string
	server, client iperf
	address        string // the server's
	// sessions is how VPP shows an established connection that goes this way;
	// empty: it has none.
	sessions string
	undo     []func() error

	flows []flow
	vpp   []float64 // in cores
}

func (p *path) end() error {
	var failed []error
	for _, undo := range slices.Backward(p.undo) {
		failed = append(failed, undo())
	}
	return errors.Join(failed...)
}

// paths are the kernel's, which is first, and VCL's two.
func (b *bench) paths(library string) (paths []*path, err error) {
	for _, kind := range []struct {
		name, plugin, sessions string
		conf                   []byte
	}{
		{"kernel", "bridge", "", encode(object{
			"cniVersion": "1.1.0", "name": "kernel", "type": "bridge", "bridge": "bench1",
			"ipam": b.hostLocal("10.3.0.0/24")["ipam"],
		})},
		{"cut", "userspace", "[CT:T]", b.vcl("cut", "10.4.0.0/24", true)},
		{"tcp", "userspace", "[T]", b.vcl("tcp", "10.5.0.0/24", false)},
	} {
		p := &path{name: kind.name, sessions: kind.sessions}
		paths = append(paths, p)
		for _, end := range []*iperf{&p.client, &p.server} {
			if p.address, err = b.attach(p, end, kind.plugin, kind.conf); err != nil {
				return paths, err
			}
			if pod := filepath.Base(end.netns); kind.plugin == "userspace" {
				end.words = []string{
					filepath.Join(b.bin, "usrsp-app"), "vcl-exec", "--shared-dir", filepath.Join(b.dir, "shared", pod),
					"--library", library, "--output", filepath.Join(b.dir, pod+".conf"), "--",
				}
			}
		}
	}
	return paths, nil
}

// attach adds an end of the path, in a network namespace of its own, and returns its
// address.
func (b *bench) attach(p *path, end *iperf, plugin string, conf []byte) (address string, err error) {
	pod := fmt.Sprintf("%s-%d", p.name, len(p.undo))
	if end.netns, err = lab.NewNetns(pod); err != nil {
		return "", err
	}
	process := func(command string) *exec.Cmd {
		call := b.call(command, conf, pod)
		call.Netns = end.netns
		cmd := call.Process(b.bin)
		cmd.Path = filepath.Join(b.bin, plugin)
		return cmd
	}
	p.undo = append(p.undo, func() error {
		_, err := timed(process("DEL"))
		return errors.Join(err, lab.DeleteNetns(end.netns))
	})
	output, err := process("ADD").Output()
	if err != nil {
		return "", fmt.Errorf("ADD of %s: %w: %s", pod, err, output)
	}
	parsed, err := create.CreateFromBytes(output)
	if err != nil {
		return "", err
	}
	result, err := current.GetResult(parsed)
	if err != nil || len(result.IPs) == 0 {
		return "", fmt.Errorf("ADD of %s gives no address: %w: %s", pod, err, output)
	}
	return result.IPs[0].Address.IP.String(), nil
}

// race has each path run in turn, some times over, after a first round that
// doesn't count.
func (b *bench) race(paths []*path) error {
	const rounds = 5
	for i := range rounds + 1 {
		for j := range paths {
			if err := b.run(paths[(i+j)%len(paths)]); err != nil {
				return err
			}
		}
	}
	kernel := paths[0]
	for i, what := range []string{"iperf3 over VCL, cut-through / the kernel's bridge", "iperf3 over VCL, TCP / the kernel's bridge"} {
		ours := paths[i+1]
		var ratios []float64
		for i := range rounds {
			ratios = append(ratios, ours.flows[i+1].rate/kernel.flows[i+1].rate)
		}
		row{what: what, figure: middle(ratios), unit: "x", detail: fmt.Sprintf("%s / %s, medians of %d pairs", ours, kernel, rounds)}.print()
	}
	return nil
}

// String is the path's median rate, and the processors that it takes.
func (p *path) String() string {
	median := func(of func(i int) float64) float64 {
		var all []float64
		for i := range p.flows[1:] {
			all = append(all, of(i+1))
		}
		return middle(all)
	}
	text := fmt.Sprintf("%.1f Gbit/s (cores: client %.2f, server %.2f", median(func(i int) float64 { return p.flows[i].rate }),
		median(func(i int) float64 { return p.flows[i].client }), median(func(i int) float64 { return p.flows[i].server }))
	if p.sessions != "" {
		text += fmt.Sprintf(", VPP %.2f", median(func(i int) float64 { return p.vpp[i] }))
	}
	return text + ")"
}

// middle is the median.
func middle(values []float64) float64 { return slices.Sorted(slices.Values(values))[len(values)/2] }

// run measures a path once, and makes sure that it is the path.
func (b *bench) run(p *path) error {
	before, err := processorTime(b.host.PID())
	if err != nil {
		return err
	}
	started := time.Now()
	measured, err := runIperf(b.dir, p.server, p.client, p.address, func() error { return b.goesBy(p.sessions) })
	if err != nil {
		return fmt.Errorf("%s: %w", p.name, err)
	}
	took := time.Since(started)
	after, err := processorTime(b.host.PID())
	p.flows = append(p.flows, measured)
	p.vpp = append(p.vpp, (after-before).Seconds()/took.Seconds())
	return err
}

// established are the kinds of VPP's established connections.
var established = regexp.MustCompile(`(?m)^\[[\d:]+\](\[[A-Z:]+\]).*ESTABLISHED`)

// goesBy makes sure that VPP's established connections are all of a kind: both ends
// of iperf3's two.
func (b *bench) goesBy(kind string) error {
	answer, err := b.cli("show session verbose")
	if err != nil {
		return err
	}
	const ends = 4
	seen := 0
	for _, match := range established.FindAllStringSubmatch(answer, -1) {
		if match[1] != kind {
			return fmt.Errorf("a connection is %s instead of %q:\n%s", match[1], kind, answer)
		}
		seen++
	}
	if kind != "" && seen != ends {
		return fmt.Errorf("VPP has %d ends of connections instead of %d %s:\n%s", seen, ends, kind, answer)
	}
	return nil
}

func (b *bench) cli(command string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	session, err := vpp.Connect(ctx, b.host.APISocket)
	if err != nil {
		return "", err
	}
	defer session.Close()
	return session.CLI(ctx, command)
}
