package suite

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/userspace-cni/userspace-cni/pkg/netconf"
	"github.com/userspace-cni/userspace-cni/test/lab"
)

// TestPing is the main job: two pods with two networks each reach one another
// over v4 and v6, and only over the network that they share.
func TestPing(t *testing.T) {
	onEach(t, func(b *bench) {
		bridge := func(id string) object {
			return object{"host": object{"iftype": "memif", "netType": "bridge", "bridge": object{"bridgeName": id}}}
		}
		networks := []object{
			b.network("one", b.hostLocal(1), bridge("4")),
			b.network("two", b.hostLocal(2), bridge("5")),
		}
		pods := []*pod{b.pod("pod-1"), b.pod("pod-2")}
		var attached []attachment
		var addresses [][]string // of pod-2
		macs := map[*pod][]string{}
		for _, p := range pods {
			addresses = nil
			for i, network := range networks {
				a := p.attach(network, fmt.Sprintf("net%d", i+1))
				attached = append(attached, a)
				var own []string
				result := a.add()
				macs[p] = append(macs[p], result.Interfaces[0].Mac)
				for _, ip := range result.IPs {
					own = append(own, ip.Address.IP.String())
				}
				addresses = append(addresses, own)
			}
		}
		for _, p := range pods {
			shown := p.configure(len(networks))
			for i, s := range shown {
				if want := fmt.Sprintf("memif%d/0", i+1); s.Name != want || !s.Up || len(s.Addresses) != 2 || s.MAC != macs[p][i] {
					b.Errorf("%s: interface %d is %+v, want %s up with two addresses and the MAC of the result, %s", p.id, i, s, want, macs[p][i])
				}
			}
		}
		for _, own := range addresses {
			if len(own) != 2 {
				b.Fatalf("pod-2 has addresses %v, want v4 and v6", own)
			}
			for _, address := range own {
				pods[0].mustReach(address)
			}
		}
		for _, a := range attached {
			a.del()
		}
		pods[0].mustNotReach(addresses[0][0])
	})
}

// TestExamples feeds the networks of the example through the plugin, unchanged
// but for the directory of host-local.
func TestExamples(t *testing.T) {
	files, err := filepath.Glob("../../examples/vpp-memif-ping/userspace-vpp-netAttach-*.yaml")
	if err != nil || len(files) != 2 {
		t.Fatalf("networks of the example: %v, %v", files, err)
	}
	onEach(t, func(b *bench) {
		for i, file := range files {
			conf, err := lab.NetworkFromYAML(file)
			if err != nil {
				b.Fatal(err)
			}
			a := b.attach(nil, "example", fmt.Sprintf("net%d", i+1))
			a.conf = moved(b, conf)
			result := a.add()
			if len(result.IPs) != 1 || len(result.Routes) != 1 {
				b.Errorf("%s: result has %d addresses and %d routes, want one each", file, len(result.IPs), len(result.Routes))
			}
			a.del()
		}
	})
}

// TestExamplesParse validates the networks of all examples.
func TestExamplesParse(t *testing.T) {
	files, err := filepath.Glob("../../examples/*/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	networks := 0
	for _, file := range files {
		conf, err := lab.NetworkFromYAML(file)
		if err != nil {
			continue // a pod
		}
		networks++
		if _, err := netconf.Parse(conf); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
	if networks < 4 {
		t.Errorf("%d networks in the examples, want at least 4", networks)
	}
}
