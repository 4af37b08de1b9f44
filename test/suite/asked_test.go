package suite

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// asking makes a call with CNI_ARGS.
func (a attachment) asking(args string) attachment {
	a.env = append(slices.Clone(a.env), "CNI_ARGS="+args)
	return a
}

// runtimeConfig is what a runtime adds for a network with capabilities.
func runtimeConfig(fields object) object {
	return object{"capabilities": object{"mac": true, "ips": true}, "runtimeConfig": fields}
}

// TestAsked has a pod ask for its MAC and addresses in every place that there
// is, alone and against one another: the result and the pod's own interfaces
// have what it asked for.
func TestAsked(t *testing.T) {
	mac := func(n int) string { return fmt.Sprintf("02:00:00:00:00:%02x", n) }
	cases := []struct {
		change object
		args   string
		mac    string
		ips    []string
	}{
		{runtimeConfig(object{"mac": mac(1), "ips": []string{"10.1.0.7/24"}}), "", mac(1), []string{"10.1.0.7/24"}},
		{runtimeConfig(object{"ips": []string{"10.2.0.7/24", "fd00:2::7/64"}}), "MAC=02-00-00-00-00-02", mac(2), []string{"10.2.0.7/24", "fd00:2::7/64"}},
		{nil, "IgnoreUnknown=1;MAC=" + mac(3) + ";IP=10.3.0.7/24", mac(3), []string{"10.3.0.7/24"}},
		{nil, "MAC=" + mac(4) + ";IP=10.4.0.7/24,fd00:4::7/64,10.4.0.8/24", mac(4), []string{"10.4.0.7/24", "10.4.0.8/24", "fd00:4::7/64"}},
		{object{"args": object{"cni": object{"mac": mac(5), "ips": []string{"10.5.0.7/24"}}}}, "MAC=" + mac(0x15) + ";IP=10.5.0.99/24", mac(5), []string{"10.5.0.7/24"}},
		{object{
			"runtimeConfig": object{"mac": mac(6), "ips": []string{"10.6.0.7/24"}},
			"args":          object{"cni": object{"mac": mac(0x16), "ips": []string{"10.6.0.98/24"}}},
			"container":     object{"mac": mac(0x26)},
		}, "MAC=" + mac(0x36) + ";IP=10.6.0.99/24", mac(6), []string{"10.6.0.7/24"}},
		{object{"container": object{"mac": mac(0x27)}}, "MAC=" + mac(7) + ";IP=10.7.0.7/24", mac(7), []string{"10.7.0.7/24"}},
		{runtimeConfig(object{"ips": []string{"10.8.0.7"}}), "MAC=" + mac(8), mac(8), nil}, // there is nobody who knows the prefix
	}
	onEach(t, func(b *bench) {
		p := b.pod("asking")
		var all []attachment
		for i, c := range cases {
			a := p.attach(b.network(fmt.Sprintf("net-%d", i), c.change), fmt.Sprintf("net%d", i+1)).asking(c.args)
			result := a.add()
			var ips []string
			for _, ip := range result.IPs {
				ips = append(ips, ip.Address.String())
			}
			slices.Sort(ips)
			if result.Interfaces[0].Mac != c.mac || !slices.Equal(ips, c.ips) {
				b.Errorf("%v, CNI_ARGS %q: the result has %s and %v, want %s and %v", c.change, c.args, result.Interfaces[0].Mac, ips, c.mac, c.ips)
			}
			all = append(all, a)
		}
		for i, shown := range p.configure(len(cases)) {
			var ips []string
			for _, address := range shown.Addresses {
				ips = append(ips, address.String())
			}
			slices.Sort(ips)
			if shown.MAC != cases[i].mac || !slices.Equal(ips, cases[i].ips) {
				b.Errorf("the pod's %s has %s and %v, want %s and %v", shown.Name, shown.MAC, ips, cases[i].mac, cases[i].ips)
			}
		}
		for _, a := range all {
			a.del()
		}
	})
}

// TestAskedOfIPAM leaves it to the IPAM plugin what a pod gets: it sees the
// configuration and CNI_ARGS as the runtime gave them, at every verb.
func TestAskedOfIPAM(t *testing.T) {
	onEach(t, func(b *bench) {
		seen := filepath.Join(b.dir, "seen")
		dir := filepath.Join(b.dir, "noting-ipam")
		must(b, os.MkdirAll(dir, 0o755))
		must(b, os.WriteFile(filepath.Join(dir, "noting"), []byte("#!/bin/sh\ncat > "+seen+".$CNI_COMMAND\nprintf %s \"$CNI_ARGS\" > "+seen+".args\n"+
			`[ $CNI_COMMAND != ADD ] || echo '{"cniVersion":"1.1.0","ips":[{"address":"10.9.0.1/24"}]}'`+"\n"), 0o755))
		const args = "IgnoreUnknown=1;K8S_POD_NAME=web;MAC=02:00:00:00:00:09;IP=10.1.0.8/24;X=y"
		a := b.attach(b.network("net", object{"ipam": object{"type": "noting", "more": "of it"}}, runtimeConfig(object{
			"mac": "02:00:00:00:00:08", "ips": []string{"10.1.0.7/24"}, "else": true,
		}), object{"args": object{"cni": object{"ips": []string{"10.1.0.9"}}}}), "asking", "net1").asking(args)
		a.conf = []byte(strings.Replace(string(a.conf), ":", " :  ", 1)) // to the letter
		a.env = append(a.env, "CNI_PATH="+dir)
		result := a.add()
		if len(result.IPs) != 1 || result.IPs[0].Address.String() != "10.9.0.1/24" || result.Interfaces[0].Mac != "02:00:00:00:00:08" {
			b.Errorf("the result is %+v, want IPAM's address and the runtime's MAC", result)
		}
		for _, command := range []string{"ADD", "CHECK", "DEL"} {
			if err := a.call(command).Error(); err != nil {
				b.Errorf("%s: %v", command, err)
			}
			stdin, err := os.ReadFile(seen + "." + command)
			must(b, err)
			got, err := os.ReadFile(seen + ".args")
			must(b, err)
			want := a.conf
			if command == "DEL" { // from the record, where JSON has no spaces
				want = encode(b.T, json.RawMessage(a.conf))
			}
			if string(stdin) != string(want) || string(got) != args {
				b.Errorf("IPAM's %s got\n%s\nand CNI_ARGS %q, want\n%s\nand %q", command, stdin, got, want, args)
			}
		}
		for _, asked := range []attachment{
			b.attach(b.network("net", b.hostLocal(1), runtimeConfig(object{"ips": []string{"10.1.7.7/16"}})), "asking", "net1"),
			b.attach(b.network("net", b.hostLocal(1)), "asking", "net1").asking("IgnoreUnknown=1;IP=10.1.7.7"),
		} {
			if got := asked.add().IPs[0].Address.String(); got != "10.1.7.7/16" {
				b.Errorf("host-local was asked for 10.1.7.7 and gave %s", got)
			}
			asked.del()
		}
		both := []string{"10.1.0.7/24", "fd00:1::7/64"}
		asked := b.attach(b.network("net", b.subnet("10.1.0.0/24", "fd00:1::/64"), runtimeConfig(object{"ips": both})), "asking", "net1").
			asking("IgnoreUnknown=1;IP=" + strings.Join(both, ",")) // as Multus does
		for i, ip := range asked.add().IPs {
			if got := ip.Address.String(); got != both[i] {
				b.Errorf("host-local was asked for %s and gave %s", both[i], got)
			}
		}
		asked.del()
	})
}

// TestAskedWrongly names what was asked for and can't be had, and changes
// nothing.
func TestAskedWrongly(t *testing.T) {
	b := newBench(t, engines[0])
	for _, c := range []struct {
		change object
		args   string
		code   uint
		says   []string
	}{
		{runtimeConfig(object{"mac": "nonsense"}), "", 7, []string{"runtimeConfig.mac", `"nonsense"`}},
		{runtimeConfig(object{"mac": "01:00:00:00:00:01"}), "", 7, []string{"runtimeConfig.mac", "unicast"}},
		{runtimeConfig(object{"ips": []string{"10.0.0.1/24", "10.0.0.256/24"}}), "", 7, []string{"runtimeConfig.ips", `"10.0.0.256/24"`}},
		{runtimeConfig(object{"ips": "10.0.0.1/24"}), "", 7, []string{"runtimeConfig.ips", "a list of strings"}},
		{runtimeConfig(object{"mac": "x", "ips": []string{"224.0.0.1"}}), "", 7, []string{"2 faults", "runtimeConfig.mac", "runtimeConfig.ips"}},
		{object{"args": object{"cni": object{"mac": "y"}}}, "", 7, []string{"args.cni.mac", `"y"`}},
		{nil, "MAC=nonsense", 4, []string{"CNI_ARGS MAC", `"nonsense"`}},
		{nil, "IP=10.0.0.1/24,10.0.0.1/33", 4, []string{"CNI_ARGS IP", `"10.0.0.1/33"`}},
		{runtimeConfig(object{"mac": "02:00:00:00:00:01"}), "MAC=nonsense", 4, []string{"CNI_ARGS MAC"}}, // it wouldn't count, and is wrong all the same
	} {
		b.attach(b.network("net", b.hostLocal(1), c.change), "asking", "net1").asking(c.args).refused(fmt.Sprint(c.says), c.code, append(c.says, "allowed")...)
	}
}
