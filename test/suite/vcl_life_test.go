package suite

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.fd.io/govpp/binapi/session"

	"github.com/userspace-cni/userspace-cni/cnivpp/vpp"
	"github.com/userspace-cni/userspace-cni/pkg/abstract"
	"github.com/userspace-cni/userspace-cni/pkg/netconf"
	"github.com/userspace-cni/userspace-cni/pkg/state"
	"github.com/userspace-cni/userspace-cni/test/lab"
)

// health asks usrsp-app in the pod.
func (s *sockets) health(more ...string) (line string, good bool) {
	s.b.Helper()
	out, err := s.tries(s.app(append([]string{"health"}, more...)...))
	if strings.Count(out, "\n") != 1 {
		s.b.Errorf("health says more than a line, or less: %q", out)
	}
	return strings.TrimSpace(out), err == nil
}

// TestVCLHealth restarts VPP beneath a pod: health turns bad within two seconds, the
// agent brings the endpoint back, a new client connects, and health turns good.
func TestVCLHealth(t *testing.T) {
	onEach(t, func(b *bench) {
		conf := b.vcl("net", b.subnet("10.1.0.0/24"), nil)
		server, other := b.sockets("server", conf), b.sockets("client", conf)
		agent := b.agent()
		agent.says("connected to VPP")
		for _, s := range []*sockets{server, other} {
			if line, good := s.health(); !good {
				b.Errorf("%s: %s", s.id, line)
			}
		}
		must(b, b.host.Kill())
		before := time.Now()
		if line, good := server.health(); good || !strings.Contains(line, "network net, interface net1") {
			b.Errorf("without VPP: good is %t, %s", good, line)
		}
		if took := time.Since(before); took > 2*time.Second+hangLimit {
			b.Errorf("health took %s to see it", took)
		}
		must(b, b.host.Start())
		agent.restored(server.attachment, other.attachment)
		for _, s := range []*sockets{server, other} {
			if line, good := s.health(); !good {
				b.Errorf("%s after the restart: %s", s.id, line)
			}
		}
		if _, missing := lab.VCLLibrary(b.engine); missing == "" {
			running := server.serve(server.addresses[0])
			other.measures("after the restart", other.vcl(client(server.addresses[0])...))
			if line, good := other.health("--within", "15s", "--connect", server.addresses[0]+":5201", "--library", b.library()); !good && !strings.Contains(line, "python3") {
				b.Errorf("health with a connection: %s", line)
			}
			running.stop()
		}
		agent.stop()
		server.intactAndGone(other)
	})
}

// TestVCLSeveral: a pod has two VCL networks and a memif in a third, each with its own
// socket, and a restart and repeated calls change no name.
func TestVCLSeveral(t *testing.T) {
	onEach(t, func(b *bench) {
		first := b.vcl("first", b.subnet("10.1.0.0/24"), nil)
		second := b.vcl("second", b.subnet("10.2.0.0/24"), nil)
		fixed := b.vcl("fixed", b.subnet("10.3.0.0/24"), object{"socketName": "my/socket"})
		one := b.sockets("pod", first)
		two := b.attachSockets("pod", one.netns, second, "net2")
		three := b.attachSockets("pod", one.netns, fixed, "net3")
		packets := b.attach(b.network("packets", b.hostLocal(5)), "pod", "net4")
		packets.add()
		named := map[string]*sockets{"vpp/session": one, "vpp/session-net2": two, "my/socket": three}
		check := func(when string) {
			b.Helper()
			for name, s := range named {
				if taken, err := abstract.IsTaken(one.netns, name); err != nil || !taken {
					b.Errorf("%s: there is no @%s (%v)", when, name, err)
				}
				if line, good := s.health("--interface", s.ifName); !good || !strings.Contains(line, "@"+name) {
					b.Errorf("%s: health of %s: %s", when, s.ifName, line)
				}
			}
		}
		check("after ADD")
		b.restartVPP()
		for _, s := range []*sockets{two, three, one} { // in another order than before
			s.add()
		}
		check("after a restart")
		two.add()
		check("after a repeated ADD")
		clash := b.attach(b.vcl("clash", b.subnet("10.4.0.0/24"), object{"socketName": "my/socket"}), "pod", "net5")
		clash.netns = one.netns
		clash.mustFail("ADD", 5, "my/socket", "vcl.socketName")
		packets.del()
		three.intactAndGone(one, two)
	})
}

// TestVCLBroken: a namespace that VPP could not finish is left alone, VPP lives, and the
// endpoint gets another.
func TestVCLBroken(t *testing.T) {
	onEach(t, func(b *bench) {
		conf := b.vcl("net", b.subnet("10.1.0.0/24"), nil)
		one := b.sockets("first", conf) // turns the session layer on
		netns := newNetns(b.T, filepath.Base(b.dir)+"broken")
		key := state.Attachment{Network: "net", ContainerID: "pod", IfName: "net1"}.Key()
		b.admin(func(ctx context.Context, s *vpp.Session) error {
			_, err := session.NewServiceClient(s.Conn()).AppNamespaceAddDelV4(ctx, &session.AppNamespaceAddDelV4{
				IsAdd: true, SwIfIndex: 0, NamespaceID: "usrsp-" + key, SockName: "abstract:vpp/session,netns_name=/run/netns/nowhere",
			})
			if err == nil {
				err = fmt.Errorf("VPP made a socket in a network namespace that isn't there")
				return err
			}
			return nil
		})
		b.given = append(b.given, "app namespace usrsp-"+key+" on local0 at abstract:vpp/session,netns_name=/run/netns/nowhere")
		pod := b.attachSockets("pod", netns, conf, "net1")
		if taken, err := abstract.IsTaken(netns, "vpp/session"); err != nil || !taken {
			b.Errorf("there is no socket: %v", err)
		}
		if objects := strings.Join(b.objects(), "\n"); !strings.Contains(objects, "usrsp-"+key+"-2 ") {
			b.Errorf("want a namespace usrsp-%s-2:\n%s", key, objects)
		}
		pod.add()
		pod.intactAndGone(one)
	})
}

// TestVCLSessionLayer: a VPP that was told to have no sockets is said to be of no use,
// with the lines that help, and nothing is left on it.
func TestVCLSessionLayer(t *testing.T) {
	onEach(t, func(b *bench) {
		b.sessionLayer(b.host, false)
		a := b.attach(b.vcl("net", b.subnet("10.1.0.0/24"), nil), "pod", "net1")
		a.mustFail("STATUS", 50, "session { enable use-app-socket-api }", "startup.conf")
		a.mustFail("ADD", 101, "session { enable use-app-socket-api }", "startup.conf")
		b.nothingLeft()
		b.restartVPP()
		must(b, a.call("STATUS").Error())
		a.add()
		a.del()
	})
}

// TestVCLOptIn: the network says who gets an endpoint, and the pod says otherwise.
func TestVCLOptIn(t *testing.T) {
	onEach(t, func(b *bench) {
		c := b.cluster()
		for i, each := range []struct {
			byNetwork, byPod string
			want             bool
		}{
			{"", "", true},
			{"enable", "", true},
			{"disable", "", false},
			{"enable", "disable", false},
			{"disable", "enable", true},
		} {
			vcl := object{}
			if each.byNetwork != "" {
				vcl["default"] = each.byNetwork
			}
			annotate(c, each.byPod)
			conf := b.vcl("net", b.subnet("10.1.0.0/24"), vcl)
			conf["kubeconfig"] = c.kubeconfig
			a := b.attach(conf, fmt.Sprintf("pod-%d", i), "net1").asPod("u-1")
			for range 2 { // a repeated ADD answers the same
				if got := len(a.add().IPs) > 0; got != each.want {
					b.Errorf("%+v: an address is %t", each, got)
				}
			}
			must(b, a.call("CHECK").Error())
			if got := len(b.objects()) > 0; got != each.want {
				b.Errorf("%+v: on VPP there is something: %t", each, got)
			}
			if !each.want {
				b.says("list", 0, "off")
				b.says("check", 0, "1 attachments, 0 not intact")
			}
			a.del()
			if left := b.left(); left != "" {
				b.Errorf("%+v: left behind:\n%s", each, left)
			}
		}
		annotate(c, "maybe")
		conf := b.vcl("net", b.subnet("10.1.0.0/24"), nil)
		conf["kubeconfig"] = c.kubeconfig
		b.attach(conf, "pod", "net1").asPod("u-1").mustFail("ADD", 7, netconf.OptInAnnotation, `"maybe"`, `"enable", "disable"`)
		annotate(c, "")
	})
}

// annotate has the pod say something.
func annotate(c *cluster, says string) {
	annotations := `"other":"kept"`
	if says != "" {
		annotations += fmt.Sprintf(`,%q:%q`, netconf.OptInAnnotation, says)
	}
	c.Put(fmt.Sprintf(`{"metadata":{"namespace":"default","name":"web","uid":"u-1","annotations":{%s}},
		"spec":{"nodeName":"node","volumes":[{"name":"shared-dir","hostPath":{"path":%q}}],
		"containers":[{"name":"vpp","volumeMounts":[{"name":"shared-dir","mountPath":"/var/lib/cni/usrspcni"}]}]}}`, annotations, c.volume))
}

// TestVCLTLS has programs that know nothing of TLS speak it, by VPP's own.
func TestVCLTLS(t *testing.T) {
	onEach(t, func(b *bench) {
		needIperf(b)
		if engines := b.cliOf("show plugins"); !strings.Contains(engines, "tlsopenssl") && !strings.Contains(engines, "tlsmbedtls") {
			b.Skip("this VPP has no TLS engine: enable its tlsopenssl_plugin.so")
		}
		conf := b.vcl("net", b.subnet("10.1.0.0/24"), nil)
		server, other := b.sockets("server", conf), b.sockets("client", conf)
		certificate, key := filepath.Join(b.dir, "cert.pem"), filepath.Join(b.dir, "key.pem")
		out, err := exec.Command("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=server", "-days", "2", "-out", certificate, "-keyout", key).CombinedOutput()
		if err != nil {
			b.Skipf("openssl is missing: apt-get install openssl (%v: %s)", err, out)
		}
		tls := append(os.Environ(), "LDP_TRANSPARENT_TLS=1", "LDP_TLS_CERT_FILE="+certificate, "LDP_TLS_KEY_FILE="+key)
		serving := server.vcl("iperf3", "-s", "-B", server.addresses[0], "--forceflush")
		serving.Env = tls
		running := server.start(serving)
		running.says("Server listening")
		reaching := other.vcl(client(server.addresses[0])...)
		reaching.Env = tls
		other.measures("TLS", reaching)
		plain := other.vcl(client(server.addresses[0])...)
		if out, err := other.tries(plain); err == nil {
			b.Errorf("the server takes a client without TLS:\n%s", out)
		}
		running.stop()
		server.intactAndGone(other)
	})
}

// TestAntiSpoof has a pod send from an address that isn't its own: it arrives where
// nobody forbids it, and nowhere else. What is its own arrives in any case.
func TestAntiSpoof(t *testing.T) {
	onReal(t, func(b *bench) {
		for _, forbidden := range []bool{false, true} {
			for _, vrf := range []int{0, 7} {
				conf := b.network("net", b.subnet("10.1.0.0/24", "fd00:1::/64"), object{"host": object{
					"iftype": "memif", "netType": "interface", "vrf": vrf, "antiSpoof": forbidden,
				}})
				thief, target := b.guest(fmt.Sprintf("thief-%d-%t", vrf, forbidden), conf), b.guest(fmt.Sprintf("target-%d-%t", vrf, forbidden), conf)
				thief.reaches(target)
				for i, family := range []string{"10.1.0.99/32", "fd00:1::99/128"} {
					own := thief.addresses[i] + family[strings.IndexByte(family, '/'):]
					b.cliOn(thief.vpp, "set interface ip address del memif1/0 "+own)
					b.cliOn(thief.vpp, "set interface ip address memif1/0 "+family)
					if got := arrives(thief, target, target.addresses[i]); got == forbidden {
						b.Errorf("vrf %d, antiSpoof %t: what comes from %s arrives: %t", vrf, forbidden, family, got)
					}
					b.cliOn(thief.vpp, "set interface ip address del memif1/0 "+family)
					b.cliOn(thief.vpp, "set interface ip address memif1/0 "+own)
				}
				thief.reaches(target)
				intact(thief, target)
				detach(thief, target)
			}
		}
	})
}

// arrives tells whether echo requests come to a pod's VPP, answered or not.
func arrives(from, to *guest, address string) bool {
	from.pod.b.Helper()
	b := from.pod.b
	before := echoes(b, to)
	b.cliOn(from.vpp, "ping "+address+" repeat 3 interval 0.05")
	return echoes(b, to) > before
}

// echoes counts the requests that a pod's VPP has answered.
func echoes(b *bench, on *guest) int {
	b.Helper()
	count := 0
	for line := range strings.Lines(b.cliOn(on.vpp, "show errors")) {
		var n int
		if strings.Contains(strings.ToLower(line), "echo replies sent") {
			if _, err := fmt.Sscan(line, &n); err == nil {
				count += n
			}
		}
	}
	return count
}
