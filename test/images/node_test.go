package images

import (
	"bytes"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/userspace-cni/userspace-cni/pkg/shareddir"
	"github.com/userspace-cni/userspace-cni/pkg/state"
	"github.com/userspace-cni/userspace-cni/test/lab"
)

// node is what the containers' pods are on: VPP and the plugin.
type node struct {
	t       *testing.T
	engine  lab.Engine
	vpp     *lab.VPP
	network []byte
	pods    int
}

// newNode starts VPP where VPP names one or PATH has one, else the simulator; and
// takes care that nothing of the pods is left.
func newNode(t *testing.T) *node {
	t.Helper()
	needImages(t)
	engine, found, err := lab.FindVPP()
	must(t, err)
	if !found {
		engine = lab.Simulator(bin)
	}
	t.Logf("on %s", engine.Name)
	n := &node{t: t, engine: engine}
	n.network, err = lab.NetworkFromYAML(top + "/examples/vpp-memif-ping/userspace-vpp-netAttach-1.yaml")
	must(t, err)
	n.vpp, err = lab.StartVPP(engine, "/run/vpp", "")
	must(t, err)
	t.Cleanup(func() {
		left, err := n.vpp.Left()
		must(t, err)
		files, err := lab.FilesLeft(state.DefaultDir, shareddir.DefaultBase, "/var/lib/cni/networks")
		must(t, err)
		if left+files != "" {
			t.Errorf("left on %s:\n%s\n%s", n.vpp.Name, left, files)
		}
		must(t, n.vpp.Kill())
		must(t, os.RemoveAll("/run/vpp"))
	})
	return n
}

// attach gives the container the network of an example, and the directory in which
// the contract is; it returns the address.
func (n *node) attach(c *container) netip.Addr {
	n.t.Helper()
	n.pods++
	call := lab.Call{
		Command: "ADD", ContainerID: strings.Repeat(fmt.Sprint(n.pods), 64), Netns: c.netns, IfName: "net1",
		Args:   fmt.Sprintf("IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=pod-%d", n.pods),
		Config: n.network,
	}
	reply, err := lab.CNI(bin, call)
	must(n.t, err)
	result, err := reply.Result()
	must(n.t, err)
	n.t.Cleanup(func() {
		call.Command = "DEL"
		reply, err := lab.CNI(bin, call)
		must(n.t, err)
		must(n.t, reply.Error())
	})
	c.bind(filepath.Join("/var/lib/cni/usrspcni", call.ContainerID), "/var/lib/cni/usrspcni")
	address, _ := netip.AddrFromSlice(result.IPs[0].Address.IP)
	return address.Unmap()
}

// linked tells whether each pod's endpoint is connected.
func (n *node) linked() bool {
	n.t.Helper()
	out, err := exec.Command(filepath.Join(bin, "usrsp-app"), "show", "--vpp-api-socket", n.vpp.APISocket).Output()
	must(n.t, err)
	up := 0
	for line := range bytes.Lines(out) {
		if words := strings.Fields(string(line)); len(words) > 2 && strings.HasPrefix(words[0], "memif") && words[2] == "up" {
			up++
		}
	}
	return up == n.pods
}
