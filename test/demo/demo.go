package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/userspace-cni/userspace-cni/pkg/shareddir"
	"github.com/userspace-cni/userspace-cni/pkg/state"
	"github.com/userspace-cni/userspace-cni/test/lab"
)

// examples are the networks, in the order in which the pods name them.
var examples = []string{
	"examples/vpp-memif-ping/userspace-vpp-netAttach-1.yaml",
	"examples/vpp-memif-ping/userspace-vpp-netAttach-2.yaml",
}

// hostVPP is where the plugin looks for the VPP of the host by default.
const hostVPP = "/run/vpp"

// ipamDir is where host-local keeps its addresses by default.
const ipamDir = "/var/lib/cni/networks"

// demo is one run.
type demo struct {
	bin    string
	engine lab.Engine

	host     *lab.VPP
	pods     []*pod
	networks [][]byte
	cleanup  []func() error
}

// pod is one of the two.
type pod struct {
	name, id, netns string
	vpp             *lab.VPP
	addresses       []netip.Addr // by network
}

func newDemo(bin string, engine lab.Engine) *demo {
	return &demo{bin: bin, engine: engine, pods: []*pod{
		{name: "userspace-vpp-pod-1", id: strings.Repeat("1a", 32)},
		{name: "userspace-vpp-pod-2", id: strings.Repeat("2b", 32)},
	}}
}

// run goes through the chapters and stops at the first that fails; what was
// started is ended in any case.
func (d *demo) run(ctx context.Context) (err error) {
	defer func() { err = errors.Join(err, d.end()) }()
	for _, chapter := range []struct {
		title string
		do    func() error
	}{
		{"Start a VPP on the host and one in each pod", d.start},
		{"ADD: attach both pods to both networks", d.add},
		{"usrsp-app: configure the VPP in each pod", d.configure},
		{"Ping over both networks", d.ping},
		{"DEL: detach both pods from both networks", d.del},
		{"Nothing is left", d.nothingLeft},
	} {
		fmt.Printf("\n== %s\n", chapter.title)
		if err := chapter.do(); err != nil {
			return fmt.Errorf("%s: %w", chapter.title, err)
		}
		if ctx.Err() != nil {
			return errors.New("interrupted")
		}
	}
	return nil
}

func (d *demo) end() error {
	var failed []error
	for i := len(d.cleanup) - 1; i >= 0; i-- {
		failed = append(failed, d.cleanup[i]())
	}
	return errors.Join(failed...)
}

func (d *demo) start() (err error) {
	for _, path := range examples {
		network, err := lab.NetworkFromYAML(path)
		if err != nil {
			return err
		}
		d.networks = append(d.networks, network)
	}
	if d.host, err = d.startVPP(hostVPP, ""); err != nil {
		return err
	}
	for _, p := range d.pods {
		if p.netns, err = lab.NewNetns(p.name); err != nil {
			return err
		}
		d.cleanup = append(d.cleanup, func() error { return lab.DeleteNetns(p.netns) })
		if p.vpp, err = d.startVPP("/run/"+p.name, p.netns); err != nil {
			return err
		}
	}
	return nil
}

func (d *demo) startVPP(dir, netns string) (*lab.VPP, error) {
	vpp, err := lab.StartVPP(d.engine, dir, netns)
	if err != nil {
		return nil, err
	}
	d.cleanup = append(d.cleanup, vpp.Kill)
	fmt.Printf("%s, API socket %s\n", vpp.Name, vpp.APISocket)
	return vpp, nil
}

// call is what Multus does for one pod and one network.
func (d *demo) call(command string, p *pod, network int) (lab.Reply, error) {
	reply, err := lab.CNI(d.bin, lab.Call{
		Command:     command,
		ContainerID: p.id,
		Netns:       p.netns,
		IfName:      fmt.Sprintf("net%d", network+1),
		Args:        fmt.Sprintf("IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=%s;K8S_POD_INFRA_CONTAINER_ID=%s", p.name, p.id),
		Config:      d.networks[network],
	})
	return reply, errors.Join(err, reply.Error())
}

func (d *demo) each(do func(p *pod, network int) error) error {
	for _, p := range d.pods {
		for network := range d.networks {
			if err := do(p, network); err != nil {
				return fmt.Errorf("%s, net%d: %w", p.name, network+1, err)
			}
		}
	}
	return nil
}

func (d *demo) add() error {
	return d.each(func(p *pod, network int) error {
		reply, err := d.call("ADD", p, network)
		if err != nil {
			return err
		}
		result, err := reply.Result()
		if err != nil {
			return err
		}
		address, _ := netip.AddrFromSlice(result.IPs[0].Address.IP)
		p.addresses = append(p.addresses, address.Unmap())
		fmt.Printf("%s net%d: %s, MAC %s\n", p.name, network+1, &result.IPs[0].Address, result.Interfaces[0].Mac)
		return nil
	})
}

func (d *demo) configure() error {
	for _, p := range d.pods {
		_, _, err := lab.App(d.bin, "--once", "--timeout", "20s", "--log-level", "error",
			"--vpp-api-socket", p.vpp.APISocket, "--shared-dir", shareddir.DefaultBase+"/"+p.id)
		if err != nil {
			return err
		}
		table, err := d.waitForLinks(p)
		if err != nil {
			return err
		}
		fmt.Printf("%s:\n%s", p.name, table)
	}
	return nil
}

// linkTimeout is the longest that a memif may take to connect: it tries every
// second or two.
const linkTimeout = 15 * time.Second

// waitForLinks returns the table of the pod's interfaces once both are
// connected.
func (d *demo) waitForLinks(p *pod) (string, error) {
	until := time.Now().Add(linkTimeout)
	for {
		table, _, err := lab.App(d.bin, "show", "--vpp-api-socket", p.vpp.APISocket)
		if err != nil || strings.Count(table, " of ") == len(d.networks) {
			return table, err
		}
		if time.Now().After(until) {
			return "", fmt.Errorf("not connected after %s:\n%s", linkTimeout, table)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func (d *demo) ping() error {
	from, to := d.pods[0], d.pods[1]
	for network, address := range to.addresses {
		fmt.Printf("%s -> %s, net%d:\n", from.name, to.name, network+1)
		out, _, err := lab.App(d.bin, "ping", address.String(), "--settle", "10s", "--vpp-api-socket", from.vpp.APISocket)
		fmt.Print(out)
		if err != nil {
			return err
		}
	}
	return nil
}

func (d *demo) del() error {
	return d.each(func(p *pod, network int) error {
		_, err := d.call("DEL", p, network)
		if err == nil {
			fmt.Printf("%s net%d: detached\n", p.name, network+1)
		}
		return err
	})
}

func (d *demo) nothingLeft() error {
	objects, err := d.host.Left()
	if err != nil {
		return err
	}
	files, err := lab.FilesLeft(state.DefaultDir, shareddir.DefaultBase, ipamDir)
	if err != nil {
		return err
	}
	if objects+files != "" {
		return fmt.Errorf("left behind:\n%s\n%s", objects, files)
	}
	fmt.Printf("the host's VPP has no interface, no memif socket, no bridge domain\n")
	fmt.Printf("no record, no shared directory, no socket, no address is in use\n")
	return nil
}
