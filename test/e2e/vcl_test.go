package e2e

import (
	"context"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/userspace-cni/userspace-cni/cnivpp/vpp"
)

// noVCL is why programs can't use VPP's sockets on the simulator.
const noVCL = "the simulator has no host stack, and its releases no libvcl_ldpreload.so"

// useVCL has the node have an image that brings VCL's libraries.
func useVCL(t *testing.T) {
	t.Helper()
	image, err := node.VCLImage(host.Engine)
	use(t, image, err)
}

// TestVCLIperf3 applies examples/vpp-vcl-iperf3: iperf3 over TCP and UDP between two
// pods that have no interface for it.
func TestVCLIperf3(t *testing.T) {
	clean(t)
	useVCL(t)
	image, err := node.IperfImage()
	use(t, image, err)
	apply(t, network(t, "vpp-vcl-iperf3/network.yaml"))
	apply(t, examplePods(t, "vpp-vcl-iperf3/pod.yaml")...)
	const client = "vcl-iperf3-client"
	server := attached(t, "vcl-iperf3-server", "vcl-iperf3")[0]
	if !slices.Equal(server.IPs, []string{"10.61.0.10", "fd00:61::10"}) {
		t.Errorf("the server has the addresses %q, not those that it asks for", server.IPs)
	}
	inSubnets(t, attached(t, client, "vcl-iperf3")[0], "10.61.0.0/24", "fd00:61::/64")
	hasSessionSocket(t, client, "vcl-iperf3")
	hasInterfaces(t, client, "eth0", "lo")
	t.Run("traffic", func(t *testing.T) {
		needVPP(t, noVCL)
		ready(t, 2)
		for _, more := range [][]string{nil, {"-u", "-b", "500M"}} {
			iperf(t, append([]string{client, "-c", "iperf3", "--", "/vcl/usrsp-app", "vcl-exec", "--", "iperf3", "-c", "10.61.0.10", "-t", "1"}, more...)...)
		}
		if sessions := hostCLI(t, "show session verbose"); !regexp.MustCompile(`10\.61\.0\.10:5201->0\.0\.0\.0:0 +LISTEN`).MatchString(sessions) {
			t.Errorf("the server doesn't listen on the node's VPP:\n%s", sessions)
		}
	})
}

// TestVCLAnyImage applies examples/vpp-vcl-any-image: curl gets a file from Python's
// HTTP server by sockets of VPP's, and can't by the kernel's.
func TestVCLAnyImage(t *testing.T) {
	clean(t)
	useVCL(t)
	image, err := node.PythonImage()
	use(t, image, err)
	apply(t, network(t, "vpp-vcl-any-image/network.yaml"))
	apply(t, examplePods(t, "vpp-vcl-any-image/pod.yaml")...)
	const server, client, url = "vcl-any-image-server", "vcl-any-image-client", "http://10.62.0.10:8080/BSD"
	if status := attached(t, server, "vcl-any-image")[0]; !slices.Equal(status.IPs, []string{"10.62.0.10"}) {
		t.Errorf("the server has the addresses %q, not the one that it asks for", status.IPs)
	}
	inSubnets(t, attached(t, client, "vcl-any-image")[0], "10.62.0.0/24")
	hasSessionSocket(t, client, "vcl-any-image")
	if out, err := inPod(t.Context(), client, "curl", "-s", "-m", "2", url); err == nil {
		t.Errorf("curl without vcl-exec:\n%s", out)
	}
	t.Run("traffic", func(t *testing.T) {
		needVPP(t, noVCL)
		ready(t, 2)
		want, err := inPod(t.Context(), server, "cat", "/usr/share/common-licenses/BSD")
		if err != nil {
			t.Fatal(err)
		}
		eventually(t, want, func(ctx context.Context) (string, error) {
			return inPod(ctx, client, "/vcl/usrsp-app", "vcl-exec", "--", "curl", "-s", "-m", "5", url)
		})
		t.Logf("%s: %s", server, eventually(t, `"GET /BSD HTTP/1.1" 200 -`, logs(server)))
	})
}

// TestMemifAndVCL applies examples/vpp-memif-and-vcl: a program on the VPP of one pod
// reaches one on the node's VPP that is another pod's.
func TestMemifAndVCL(t *testing.T) {
	clean(t)
	useVCL(t)
	image, err := node.IperfImage()
	use(t, image, err)
	const dir = "vpp-memif-and-vcl/"
	apply(t, network(t, dir+"network-memif.yaml"), network(t, dir+"network-vcl.yaml"))
	apply(t, append(examplePods(t, dir+"pod-server.yaml"), examplePods(t, dir+"pod-client.yaml")...)...)
	const server, client = "memif-and-vcl-server", "memif-and-vcl-client"
	networks := attached(t, server, "mixed-memif", "mixed-vcl")
	inSubnets(t, networks[0], "10.63.0.0/25")
	if address := networks[1].IPs; !slices.Equal(address, []string{"10.63.0.100"}) {
		t.Errorf("the server has the addresses %q for VCL, want its range's first", address)
	}
	inSubnets(t, attached(t, client, "mixed-memif")[0], "10.63.0.0/25")
	podReady(t, client)
	t.Log(eventually(t, "good: mixed-memif/net1 memif1/0 has link, mixed-vcl/net2 VCL answers on @vpp/session", func(ctx context.Context) (string, error) {
		return inContainer(ctx, server, "vpp", "usrsp-app", "health")
	}))
	shareGateway(t, 3)
	t.Run("traffic", func(t *testing.T) {
		needVPP(t, noVCL)
		ready(t, 2)
		t.Logf("%s: %s", client, eventually(t, " 4 received", func(ctx context.Context) (string, error) {
			return inContainer(ctx, client, "vpp", "usrsp-app", "ping", "10.63.0.100", "--settle", "10s")
		}))
		iperf(t, client, "-c", "iperf3", "--", "env", "LD_PRELOAD=/vcl/libvcl_ldpreload.so", "iperf3", "-c", "10.63.0.100", "-t", "1")
	})
}

// hasSessionSocket waits for a pod, and checks that VPP has a socket for its programs
// in its network namespace.
func hasSessionSocket(t *testing.T, pod, network string) {
	t.Helper()
	podReady(t, pod)
	if sockets, err := inPod(t.Context(), pod, "cat", "/proc/net/unix"); err != nil || !strings.Contains(sockets, "@vpp/session\n") {
		t.Errorf("%s: there is no @vpp/session: %v\n%s", pod, err, sockets)
	}
	health, err := inPod(t.Context(), pod, "/vcl/usrsp-app", "health")
	if want := "good: " + network + "/net1 VCL answers on @vpp/session\n"; err != nil || health != want {
		t.Errorf("%s: health %q, %v; want %q", pod, health, err, want)
	}
}

// hasInterfaces checks which ones the kernel knows in a pod.
func hasInterfaces(t *testing.T, pod string, want ...string) {
	t.Helper()
	out, err := inPod(t.Context(), pod, "ls", "/sys/class/net")
	if err != nil || !slices.Equal(strings.Fields(out), want) {
		t.Errorf("%s: interfaces %q, %v; want %q", pod, out, err, want)
	}
}

// iperf measures by a command in a pod, as soon as the server there is one.
func iperf(t *testing.T, command ...string) {
	t.Helper()
	out := eventually(t, "iperf Done.", func(ctx context.Context) (string, error) {
		return kubectlExec(ctx, command...)
	})
	result := regexp.MustCompile(`(?m)^.*\b[1-9][\d.]* [KMG]?Bytes .*receiver$`).FindString(out)
	if result == "" {
		t.Errorf("nothing came over:\n%s", out)
	}
	t.Log(result)
}

// shareGateway checks what "userspace list" says of the node: its endpoints have the
// same gateway.
func shareGateway(t *testing.T, endpoints int) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), filepath.Join(bin, "userspace"), "list").Output()
	joined := regexp.MustCompile(`table 63 \(loop\d+\)`).FindAllString(string(out), -1)
	if err != nil || len(joined) != endpoints || len(slices.Compact(joined)) != 1 {
		t.Errorf("userspace list: %v\n%s", err, out)
	}
}

// hostCLI is a command of vppctl on the node.
func hostCLI(t *testing.T, command string) string {
	t.Helper()
	session, err := vpp.Connect(t.Context(), host.APISocket)
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	out, err := session.CLI(t.Context(), command)
	if err != nil {
		t.Fatal(err)
	}
	return out
}
