package suite

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/userspace-cni/userspace-cni/cnivpp"
	"github.com/userspace-cni/userspace-cni/test/lab"
)

// pod is a network namespace with a VPP of its own.
type pod struct {
	b     *bench
	id    string
	netns string
	vpp   *lab.VPP
}

func (b *bench) pod(id string) *pod {
	b.Helper()
	b.pods++
	name := fmt.Sprintf("p%d", b.pods)
	netns := newNetns(b.T, filepath.Base(b.dir)+name)
	return &pod{b: b, id: id, netns: netns, vpp: b.startVPP(name, netns)}
}

func (p *pod) attach(conf object, ifName string) attachment {
	a := p.b.attach(conf, p.id, ifName)
	a.netns = p.netns
	return a
}

func (p *pod) sharedDir() string { return filepath.Join(p.b.sharedDir(), p.id) }

// flags are those that usrsp-app gets instead of a container's defaults.
func (p *pod) flags(args ...string) []string {
	return append(args, "--vpp-api-socket", p.vpp.APISocket, "--shared-dir", p.sharedDir())
}

// configure runs usrsp-app --once and waits until the pod's interfaces are
// connected.
func (p *pod) configure(interfaces int) []cnivpp.Shown {
	p.b.Helper()
	if _, _, err := lab.App(bin, p.flags("--once", "--timeout", "20s")...); err != nil {
		p.b.Fatal(err)
	}
	return p.connected(interfaces)
}

// connected waits until that many interfaces have a link.
func (p *pod) connected(interfaces int) []cnivpp.Shown {
	p.b.Helper()
	var all []cnivpp.Shown
	within(p.b.T, 20*time.Second, "connected", func() bool {
		all = p.show()
		up := 0
		for _, shown := range all {
			if shown.Link && shown.Peer != "" {
				up++
			}
		}
		return up == interfaces
	})
	return all
}

// runApp runs usrsp-app --once, whatever it says.
func (p *pod) runApp() {
	p.b.Helper()
	if _, _, err := lab.App(bin, p.flags("--once", "--timeout", "20s")...); err != nil {
		p.b.Fatal(err)
	}
}

// spoilContract replaces a text in the pod's contract files.
func (p *pod) spoilContract(old, with string) {
	p.b.Helper()
	files, _ := filepath.Glob(filepath.Join(p.sharedDir(), "configData-*.json"))
	for _, file := range files {
		data, err := os.ReadFile(file)
		must(p.b, err)
		changed := strings.ReplaceAll(string(data), old, with)
		if changed == string(data) {
			p.b.Fatalf("%s has no %q", file, old)
		}
		must(p.b, os.WriteFile(file, []byte(changed), 0o644))
	}
}

func (p *pod) show() []cnivpp.Shown {
	p.b.Helper()
	out, _, err := lab.App(bin, "show", "--json", "--vpp-api-socket", p.vpp.APISocket)
	if err != nil {
		p.b.Fatal(err)
	}
	var all []cnivpp.Shown
	if err := json.Unmarshal([]byte(out), &all); err != nil {
		p.b.Fatalf("show --json: %v: %s", err, out)
	}
	return all
}

// mustReach pings an address and asserts that nothing is lost once the
// neighbour is known.
func (p *pod) mustReach(address string) {
	p.b.Helper()
	if out, lossless := p.ping(address, 50*time.Millisecond); !lossless {
		p.b.Errorf("%s pings %s: %s", p.id, address, out)
	}
}

// ping tells whether nothing is lost once the neighbour is known. What comes
// later than the interval may count as lost.
func (p *pod) ping(address string, interval time.Duration) (out string, lossless bool) {
	p.b.Helper()
	out, _, err := lab.App(bin, "ping", address, "--interval", interval.String(), "--settle", "10s", "--vpp-api-socket", p.vpp.APISocket)
	lossless = err == nil && strings.HasSuffix(out, "Statistics: 4 sent, 4 received, 0% packet loss\n")
	return fmt.Sprintf("%v\n%s", err, out), lossless
}

// mustNotReach pings an address and asserts that nothing comes back.
func (p *pod) mustNotReach(address string) {
	p.b.Helper()
	out, _, err := lab.App(bin, "ping", address, "--interval", "50ms", "--vpp-api-socket", p.vpp.APISocket)
	if err == nil {
		p.b.Errorf("%s reaches %s:\n%s", p.id, address, out)
	}
}
