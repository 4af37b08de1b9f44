package suite

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	interfaces "go.fd.io/govpp/binapi/interface"

	"github.com/userspace-cni/userspace-cni/cnivpp"
	"github.com/userspace-cni/userspace-cni/cnivpp/vpp"
	"github.com/userspace-cni/userspace-cni/test/lab"
)

// companion is usrsp-app as it runs beside a pod's VPP.
type companion struct {
	*pod
	cmd     *exec.Cmd
	ready   string
	logFile string
}

// companion starts usrsp-app.
func (p *pod) companion(flags ...string) *companion {
	p.b.Helper()
	c := &companion{pod: p, ready: filepath.Join(p.b.dir, "ready"), logFile: filepath.Join(p.b.dir, "app.log")}
	file, err := os.OpenFile(c.logFile, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	must(p.b, err)
	defer file.Close()
	c.cmd = exec.Command(filepath.Join(bin, "usrsp-app"), p.flags(append(flags, "--ready-file", c.ready)...)...)
	c.cmd.Stderr = file
	must(p.b, c.cmd.Start())
	p.b.Cleanup(func() {
		c.cmd.Process.Kill()
		if p.b.Failed() {
			p.b.Logf("usrsp-app logged:\n%s", c.log())
		}
	})
	return c
}

// stop ends it as a container's runtime does.
func (c *companion) stop() {
	c.b.Helper()
	must(c.b, c.cmd.Process.Signal(syscall.SIGTERM))
	if err := c.cmd.Wait(); err != nil {
		c.b.Errorf("after SIGTERM: %v", err)
	}
	if exists(c.ready)() {
		c.b.Error("the ready file outlived the app")
	}
}

func (c *companion) log() string {
	data, _ := os.ReadFile(c.logFile)
	return string(data)
}

// becomes waits until the pod's VPP has exactly these interfaces, and the app is
// ready.
func (c *companion) becomes(names ...string) {
	c.b.Helper()
	within(c.b.T, 20*time.Second, fmt.Sprintf("ready with %q", names), func() bool {
		return slices.Equal(c.names(), names) && exists(c.ready)()
	})
}

// names lists the interfaces of the pod's VPP, which may come and go meanwhile.
func (p *pod) names() []string {
	p.b.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	session, err := vpp.Connect(ctx, p.vpp.APISocket)
	must(p.b, err)
	defer session.Close()
	all, err := session.Interfaces(ctx)
	must(p.b, err)
	var names []string
	for _, iface := range all {
		if iface.Index != 0 {
			names = append(names, iface.Name)
		}
	}
	slices.Sort(names)
	return names
}

// has tells whether an interface of the pod's VPP, which may come and go
// meanwhile, is as described.
func (p *pod) has(name string, is func(cnivpp.Shown) bool) bool {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	all, err := cnivpp.Show(ctx, p.vpp.APISocket)
	return err == nil && slices.ContainsFunc(all, func(s cnivpp.Shown) bool { return s.Name == name && is(s) })
}

func (p *pod) shown(name string) cnivpp.Shown {
	p.b.Helper()
	for _, shown := range p.show() {
		if shown.Name == name {
			return shown
		}
	}
	p.b.Fatalf("%s has no %s", p.id, name)
	return cnivpp.Shown{}
}

// markMTU tells an interface that has been there from one that was made anew, for
// which VPP uses the index again.
const markMTU = 1400

func (p *pod) mark(name string) {
	p.b.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	session, err := vpp.Connect(ctx, p.vpp.APISocket)
	must(p.b, err)
	defer session.Close()
	index, err := session.Index(ctx, name)
	must(p.b, err)
	_, err = interfaces.NewServiceClient(session.Conn()).SwInterfaceSetMtu(ctx, &interfaces.SwInterfaceSetMtu{
		SwIfIndex: index, Mtu: []uint32{markMTU, 0, 0, 0},
	})
	must(p.b, err)
}

func (p *pod) mustBeMarked(name string) {
	p.b.Helper()
	if shown := p.shown(name); shown.MTU != markMTU {
		p.b.Errorf("%s was made anew: %+v", name, shown)
	}
}

// mountSharedDir makes the shared directory outlive its last network, as a
// mounted volume does.
func (p *pod) mountSharedDir() {
	p.b.Helper()
	must(p.b, os.MkdirAll(p.sharedDir(), 0o755))
	mark := filepath.Join(p.sharedDir(), "mounted")
	must(p.b, os.WriteFile(mark, nil, 0o644))
	p.b.Cleanup(func() {
		os.Remove(mark)
		os.Remove(p.sharedDir())
	})
}

// mustBeEmpty asserts that the pod's VPP has nothing of any network.
func (p *pod) mustBeEmpty() {
	p.b.Helper()
	left, err := p.vpp.Left()
	must(p.b, err)
	if left != "" || len(p.routesVia()) > 0 {
		p.b.Errorf("left on the pod's VPP: %s; routes %q", left, p.routesVia())
	}
}

// pingsOn starts a ping that goes on while something else is done; the returned
// function asserts that nothing was lost. Meanwhile nobody may ask this pod's VPP
// anything: a real one's ping stops waiting for replies at every API message.
func (p *pod) pingsOn(address string) (wait func()) {
	p.b.Helper()
	p.mustReach(address)
	const sent = 60
	done := make(chan string, 1)
	go func() {
		out, _, err := lab.App(bin, "ping", address, "--interval", "50ms", "--count", fmt.Sprint(sent), "--vpp-api-socket", p.vpp.APISocket)
		done <- fmt.Sprintln(out, err)
	}()
	return func() {
		p.b.Helper()
		if out := <-done; !strings.Contains(out, fmt.Sprintf("%d sent, %[1]d received, 0%% packet loss", sent)) {
			p.b.Errorf("the other network's ping was disturbed: %s", out)
		}
	}
}

func firstAddress(a attachment) string { return a.add().IPs[0].Address.IP.String() }

// replace exchanges a file as the plugin does: whole, in one step.
func (b *bench) replace(path string, change func(string) string) {
	b.Helper()
	data, err := os.ReadFile(path)
	must(b, err)
	changed := change(string(data))
	if changed == string(data) {
		b.Fatalf("%s stays the same", path)
	}
	must(b, os.WriteFile(path+".tmp", []byte(changed), 0o644))
	must(b, os.Rename(path+".tmp", path))
}

// file is the one contract file with a network's name in it.
func (p *pod) file(network string) string {
	p.b.Helper()
	files, _ := filepath.Glob(filepath.Join(p.sharedDir(), "configData-*.json"))
	for _, file := range files {
		if data, _ := os.ReadFile(file); strings.Contains(string(data), fmt.Sprintf("%q", network)) {
			return file
		}
	}
	p.b.Fatalf("no contract for %s among %q", network, files)
	return ""
}

// withDefault is a network that brings a default route, and one of its own.
func (b *bench) withDefault(name string, x int, changes ...object) object {
	conf := b.network(name, append([]object{b.hostLocal(x), bridged(object{"bridgeId": 10 + x})}, changes...)...)
	conf["ipam"].(object)["routes"] = []any{object{"dst": "0.0.0.0/0"}, object{"dst": fmt.Sprintf("192.0.%d.0/24", x)}}
	return conf
}

// TestFollowNetworks adds a network while usrsp-app runs, removes the first one
// under the other's ping, and adds it again.
func TestFollowNetworks(t *testing.T) {
	onEach(t, func(b *bench) {
		p, peer := b.pod("pod"), b.pod("peer")
		p.mountSharedDir()
		one, two := b.withDefault("one", 1), b.withDefault("two", 2)
		far1, far2 := peer.attach(one, "net1"), peer.attach(two, "net2")
		address1 := firstAddress(far1)
		far2.add()
		peer.configure(2)

		first, second := p.attach(one, "net1"), p.attach(two, "net2")
		first.add()
		c := p.companion()
		c.becomes("memif1/0")
		p.connected(1)
		p.mustReach(address1)
		own2 := firstAddress(second)
		c.becomes("memif1/0", "memif2/0")
		p.connected(2)
		p.mark("memif2/0")

		undisturbed := peer.pingsOn(own2)
		first.del()
		c.becomes("memif2/0")
		undisturbed()
		p.mustNotReach(address1)
		if left, _ := p.vpp.Left(); strings.Contains(left, "memif socket 1 ") {
			b.Errorf("the socket of the removed network is left:\n%s", left)
		}

		first.add()
		c.becomes("memif1/0", "memif2/0")
		p.connected(2)
		p.mustReach(address1)
		p.mustBeMarked("memif2/0")
		first.del()
		second.del()
		c.becomes()
		p.mustBeEmpty()
		c.stop()
		detachAll(far1, far2)
	})
}

func detachAll(all ...attachment) {
	for _, a := range all {
		a.b.Helper()
		a.del()
	}
}

// TestFollowDefaultRoute: with the first network goes its default route, and the
// next network's takes over.
func TestFollowDefaultRoute(t *testing.T) {
	onEach(t, func(b *bench) {
		p := b.pod("pod")
		p.mountSharedDir()
		bridge := object{"container": object{"netType": "bridge"}}
		first, second := p.attach(b.withDefault("one", 1, bridge), "net1"), p.attach(b.withDefault("two", 2), "net2")
		first.add()
		second.add()
		c := p.companion()
		c.becomes("loop1", "memif1/0", "memif2/0")
		p.mustRoute("0.0.0.0/0 via 10.1.0.1", "192.0.1.0/24 via 10.1.0.1", "192.0.2.0/24 via 10.2.0.1")
		first.del()
		c.becomes("memif2/0")
		p.mustRoute("0.0.0.0/0 via 10.2.0.1", "192.0.2.0/24 via 10.2.0.1")
		first.add() // later than the second now
		c.becomes("loop1", "memif1/0", "memif2/0")
		p.mustRoute("0.0.0.0/0 via 10.2.0.1", "192.0.1.0/24 via 10.1.0.1", "192.0.2.0/24 via 10.2.0.1")
		// As if it had been there first: it gets the route, which VPP has once.
		b.replace(p.file("one"), func(text string) string {
			_, rest, _ := strings.Cut(text, `"created":"`)
			created, _, _ := strings.Cut(rest, `"`)
			return strings.Replace(text, created, "2020-01-01T00:00:00Z", 1)
		})
		within(b.T, 10*time.Second, "the first network's route", func() bool {
			return slices.Contains(p.routesVia(), "0.0.0.0/0 via 10.1.0.1") && exists(c.ready)()
		})
		p.mustRoute("0.0.0.0/0 via 10.1.0.1", "192.0.1.0/24 via 10.1.0.1", "192.0.2.0/24 via 10.2.0.1")
		first.del()
		second.del()
		c.becomes()
		p.mustBeEmpty()
		c.stop()
	})
}

// mustRoute asserts which routes have a next hop.
func (p *pod) mustRoute(want ...string) {
	p.b.Helper()
	if got := p.routesVia(); !slices.Equal(got, want) {
		p.b.Errorf("routes through a gateway: %q, want %q", got, want)
	}
}

// TestFollowRestart: what went while usrsp-app was not running is removed, with
// its routes, and the others keep their numbers and interfaces.
func TestFollowRestart(t *testing.T) {
	onEach(t, func(b *bench) {
		p := b.pod("pod")
		p.mountSharedDir()
		bridge := object{"container": object{"netType": "bridge"}}
		one, two, three := p.attach(b.withDefault("one", 1, bridge), "net1"), p.attach(b.withDefault("two", 2), "net2"), p.attach(b.withDefault("three", 3), "net3")
		one.add()
		two.add()
		c := p.companion()
		c.becomes("loop1", "memif1/0", "memif2/0")
		c.stop()
		if got := p.names(); len(got) != 3 {
			b.Errorf("after SIGTERM VPP has %q", got)
		}
		p.mark("memif2/0")
		one.del()
		three.add()
		c = p.companion()
		c.becomes("memif1/0", "memif2/0")
		p.mustRoute("0.0.0.0/0 via 10.2.0.1", "192.0.2.0/24 via 10.2.0.1", "192.0.3.0/24 via 10.3.0.1")
		p.mustNotHave("192.0.1.0/24")
		p.mustBeMarked("memif2/0")
		if left, _ := p.vpp.Left(); strings.Contains(left, "bridge-domain") {
			b.Errorf("the domain of the removed network is left:\n%s", left)
		}
		two.del()
		three.del()
		c.becomes()
		p.mustBeEmpty()
		c.stop()
	})
}

// mustNotHave asserts that the pod's VPP has no route to exactly these prefixes,
// not even one that drops.
func (p *pod) mustNotHave(prefixes ...string) {
	p.b.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	session, err := vpp.Connect(ctx, p.vpp.APISocket)
	must(p.b, err)
	defer session.Close()
	for _, route := range routesOf(p.b, session) {
		if slices.Contains(prefixes, route.Prefix.String()) {
			p.b.Errorf("VPP has a route to %s yet: %+v", route.Prefix, route)
		}
	}
}

// TestFollowRouted: a routed network leaves no route behind, whether it goes
// while usrsp-app runs or while it doesn't, and with its gateway's address known
// to the pod's VPP as a neighbour's.
func TestFollowRouted(t *testing.T) {
	onEach(t, func(b *bench) {
		p := b.pod("pod")
		p.mountSharedDir()
		var all []attachment
		for x := 1; x <= 3; x++ {
			conf := b.network(fmt.Sprint("routed", x), b.subnet(fmt.Sprintf("10.%d.0.0/24", x), fmt.Sprintf("fd00:%d::/64", x)), routed(0))
			all = append(all, p.attach(conf, fmt.Sprint("net", x)))
		}
		all[0].add()
		all[1].add()
		c := p.companion()
		c.becomes("memif1/0", "memif2/0")
		p.connected(2)
		p.mustReach("10.1.0.1")
		p.mustReach("10.2.0.1")
		p.mustReach("fd00:2::1")
		all[0].del()
		c.becomes("memif2/0")
		p.mustNotHave("10.1.0.0/24", "10.1.0.1/32", "fd00:1::/64", "fd00:1::1/128")
		p.mustReach("10.2.0.1")
		c.stop()
		all[1].del()
		all[2].add()
		c = p.companion()
		c.becomes("memif1/0")
		p.mustNotHave("10.2.0.0/24", "10.2.0.1/32", "fd00:2::/64", "fd00:2::1/128")
		p.connected(1)
		p.mustReach("10.3.0.1")
		all[2].del()
		c.becomes()
		p.mustBeEmpty()
		c.stop()
	})
}

// TestFollowChange: another address and the container ID of a
// recreated sandbox arrive on VPP, and the number stays.
func TestFollowChange(t *testing.T) {
	onEach(t, func(b *bench) {
		p := b.pod("pod")
		p.mountSharedDir()
		first, second := p.attach(b.withDefault("one", 1), "net1"), p.attach(b.withDefault("two", 2), "net2")
		first.add()
		second.add()
		c := p.companion()
		c.becomes("memif1/0", "memif2/0")
		p.mark("memif2/0")
		b.replace(p.file("one"), func(text string) string { return strings.Replace(text, "10.1.0.2/16", "10.1.7.7/16", 1) })
		within(b.T, 10*time.Second, "the other address", func() bool {
			return p.has("memif1/0", func(s cnivpp.Shown) bool { return len(s.Addresses) == 2 && s.Addresses[0].String() == "10.1.7.7/16" })
		})
		c.becomes("memif1/0", "memif2/0")
		p.connected(2)

		tag := p.shown("memif1/0").Tag
		b.replace(p.file("one"), func(text string) string {
			return strings.Replace(text, `"containerId":"pod"`, `"containerId":"recreated"`, 1)
		})
		within(b.T, 10*time.Second, "the other tag", func() bool {
			return p.has("memif1/0", func(s cnivpp.Shown) bool { return s.Tag != "" && s.Tag != tag })
		})
		c.becomes("memif1/0", "memif2/0")
		p.connected(2)
		p.mustBeMarked("memif2/0")
		must(b, os.Remove(p.file("one")))
		c.becomes("memif2/0")
		first.del()
		second.del()
		c.becomes()
		p.mustBeEmpty()
		c.stop()
	})
}

// TestFollowDamage: what can't be read takes nothing away, neither while
// usrsp-app runs nor after its restart, keeps no other network from being
// followed, and is logged once.
func TestFollowDamage(t *testing.T) {
	onEach(t, func(b *bench) {
		p := b.pod("pod")
		p.mountSharedDir()
		one, two := p.attach(b.withDefault("one", 1), "net1"), p.attach(b.withDefault("two", 2), "net2")
		one.add()
		c := p.companion()
		c.becomes("memif1/0")
		p.mark("memif1/0")
		file := p.file("one")
		whole, err := os.ReadFile(file)
		must(b, err)
		b.replace(file, func(text string) string { return text[:len(text)/2] })
		within(b.T, 10*time.Second, "unready", func() bool { return !exists(c.ready)() })
		two.add()
		within(b.T, 10*time.Second, "two networks", func() bool { return slices.Equal(p.names(), []string{"memif1/0", "memif2/0"}) })
		if text := c.log(); strings.Count(text, "trying again every second") != 1 || !strings.Contains(text, filepath.Base(file)) {
			b.Errorf("logged not once or without the file's name:\n%s", text)
		}
		c.stop()
		c = p.companion()
		within(b.T, 10*time.Second, "reported again", func() bool { return strings.Count(c.log(), "trying again every second") == 2 })
		b.replace(file, func(string) string { return string(whole) })
		c.becomes("memif1/0", "memif2/0")

		aside := p.sharedDir() + ".aside"
		must(b, os.Rename(p.sharedDir(), aside))
		within(b.T, 10*time.Second, "unready", func() bool { return !exists(c.ready)() })
		must(b, os.Rename(aside, p.sharedDir()))
		c.becomes("memif1/0", "memif2/0")
		p.mustBeMarked("memif1/0")
		one.del()
		two.del()
		c.becomes()
		p.mustBeEmpty()
		c.stop()
	})
}

// TestFollowAnnotations gives the app networks by the downward API alone, as the
// kubelet exchanges the volume's content.
func TestFollowAnnotations(t *testing.T) {
	onEach(t, func(b *bench) {
		p := b.pod("pod")
		p.mountSharedDir()
		one, two := p.attach(b.withDefault("one", 1), "net1"), p.attach(b.withDefault("two", 2), "net2")
		one.add()
		entry1 := one.contract()
		must(b, os.Remove(p.file("one")))
		two.add()
		entry2 := two.contract()
		must(b, os.Remove(p.file("two")))

		volume := filepath.Join(b.dir, "podinfo")
		b.publish(volume, "1", entry1)
		c := p.companion("--podinfo", volume)
		c.becomes("memif1/0")
		b.publish(volume, "2", entry1, entry2)
		c.becomes("memif1/0", "memif2/0")
		p.connected(2)
		b.publish(volume, "3", entry2)
		c.becomes("memif2/0")
		p.mustRoute("0.0.0.0/0 via 10.2.0.1", "192.0.2.0/24 via 10.2.0.1")
		b.publish(volume, "4")
		c.becomes()
		p.mustBeEmpty()
		c.stop()
		one.del()
		two.del()
	})
}

// publish fills a downward-API volume as the kubelet does: a directory for each
// version, and a link to it that is exchanged in one step.
func (b *bench) publish(volume, version string, entries ...string) {
	b.Helper()
	must(b, os.MkdirAll(filepath.Join(volume, ".."+version), 0o755))
	line := fmt.Sprintf("userspace/configuration-data=%q\n", "["+strings.Join(entries, ",")+"]")
	must(b, os.WriteFile(filepath.Join(volume, ".."+version, "annotations"), []byte(line), 0o644))
	must(b, os.Symlink(".."+version, filepath.Join(volume, "..data_tmp")))
	must(b, os.Rename(filepath.Join(volume, "..data_tmp"), filepath.Join(volume, "..data")))
	if err := os.Symlink("..data/annotations", filepath.Join(volume, "annotations")); !os.IsExist(err) {
		must(b, err)
	}
}
