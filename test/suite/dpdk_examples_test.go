package suite

import (
	"fmt"
	"regexp"
	"testing"
	"time"

	"github.com/userspace-cni/userspace-cni/test/lab"
)

// example attaches the pods of an example to its network, and starts what their
// containers start, both as they stand in its files.
func (b *bench) example(name string) (pods []*application, attached []attachment) {
	b.Helper()
	dir := "../../examples/" + name
	conf, err := lab.NetworkFromYAML(dir + "/network.yaml")
	must(b, err)
	all, err := lab.ArgsFromYAML(dir + "/pod.yaml")
	must(b, err)
	for i, args := range all {
		p := b.application(fmt.Sprintf("pod-%d", i+1), 1)
		p.words = append([]string{"--file-prefix=" + p.id}, args...) // they share a file system here
		a := p.attach(nil, "net1")
		a.conf = moved(b, conf)
		pods, attached = append(pods, p), append(attached, a)
	}
	return pods, attached
}

var someReceived = regexp.MustCompile(`RX-packets: [1-9]`)

// TestDPDKExampleMemif has the second pod's frames come to the first.
func TestDPDKExampleMemif(t *testing.T) {
	needTestpmd(t)
	onEach(t, func(b *bench) {
		pods, attached := b.example("vpp-memif-testpmd")
		for i, p := range pods {
			attached[i].add()
			p.start()
		}
		within(b.T, 60*time.Second, "frames from one pod to the other", func() bool {
			return someReceived.MatchString(pods[0].Output())
		})
		for i, p := range pods {
			p.Kill()
			attached[i].del()
		}
	})
}

// TestDPDKExampleVhost has the pod answer the gateway.
func TestDPDKExampleVhost(t *testing.T) {
	needTestpmd(t)
	onVPP(t, func(b *bench) {
		pods, attached := b.example("vpp-vhostuser-testpmd")
		address := firstAddress(attached[0])
		pods[0].start()
		b.mustAnswer(address)
		pods[0].Kill()
		attached[0].del()
	})
}
