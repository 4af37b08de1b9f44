package suite

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/userspace-cni/userspace-cni/cnivpp"
	"github.com/userspace-cni/userspace-cni/pkg/netconf"
	"github.com/userspace-cni/userspace-cni/pkg/state"
)

// TestVCLDelTwice: an abstract socket's name is nobody's file, whatever a pod has put
// where such a file would be.
func TestVCLDelTwice(t *testing.T) {
	onEach(t, func(b *bench) {
		pod := b.sockets("pod", b.vcl("net", b.subnet("10.1.0.0/24"), object{"socketName": "vpp/session"}))
		planted := filepath.Join(b.sharedDir(), "pod", "vpp")
		for _, plant := range []func() error{
			func() error { return os.WriteFile(planted, []byte("a file"), 0o644) },
			func() error { return os.Symlink("/", planted) },
		} {
			must(b, plant())
			pod.del()
			pod.del() // there is no record
			must(b, os.Remove(planted))
		}
		must(b, os.Remove(filepath.Dir(planted)))
	})
}

// TestVCLLostRecord: an endpoint whose record is lost keeps its own table, although
// another's number leads to its loopback; and DEL finds all of it.
func TestVCLLostRecord(t *testing.T) {
	onEach(t, func(b *bench) {
		conf := b.vcl("net", b.subnet("10.1.0.0/24"), nil)
		first := b.sockets("first", conf)
		before := b.objects()
		must(b, os.RemoveAll(state.DefaultDir))
		second := b.sockets(sameNumber(b, "first"), conf)
		after := b.objects()
		for _, line := range before {
			if !slices.Contains(after, line) {
				b.Errorf("%s is gone:\n%s", line, strings.Join(after, "\n"))
			}
		}
		if line, good := first.health(); !good {
			b.Error(line)
		}
		if n := strings.Count(strings.Join(b.objects(), "\n"), "app namespace "); n != 2 {
			b.Errorf("%d app namespaces, want 2", n)
		}
		second.intactAndGone()
		first.del()
	})
}

// sameNumber is a container whose search for a loopback starts where another's does.
func sameNumber(b *bench, id string) string {
	b.Helper()
	number := func(id string) uint32 {
		n, err := cnivpp.Number(netconf.IfTypeVCL, state.Attachment{Network: "net", ContainerID: id, IfName: "net1"}.Key())
		must(b, err)
		return n
	}
	for i := 0; ; i++ {
		if other := fmt.Sprintf("c%d", i); number(other) == number(id) {
			return other
		}
	}
}

// TestVCLWithoutIPAM: STATUS doesn't ask for what a pod brings, and ADD does.
func TestVCLWithoutIPAM(t *testing.T) {
	onEach(t, func(b *bench) {
		conf := b.vcl("net", nil, nil)
		a := b.attach(conf, "pod", "net1")
		must(b, a.call("STATUS").Error())
		a.mustFail("ADD", 7, "ipam.type")
		conf["capabilities"], conf["runtimeConfig"] = object{"ips": true}, object{"ips": []any{"10.1.0.9/24"}}
		a = b.attach(conf, "pod", "net1")
		if result := a.add(); len(result.IPs) != 1 {
			b.Errorf("the addresses are %v", result.IPs)
		}
		must(b, a.call("CHECK").Error())
		a.del()
	})
}
