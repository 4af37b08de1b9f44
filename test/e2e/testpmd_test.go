package e2e

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/userspace-cni/userspace-cni/test/e2e/cluster"
	"github.com/userspace-cni/userspace-cni/test/lab"
)

// TestMemifTestpmd applies examples/vpp-memif-testpmd: frames of one pod's testpmd
// come to the other's.
func TestMemifTestpmd(t *testing.T) {
	clean(t)
	startTestpmd(t, "vpp-memif-testpmd")
	const receiver, sender = "memif-testpmd-rx", "memif-testpmd-tx"
	ready(t, 2)
	for _, pod := range []string{receiver, sender} {
		network := attached(t, pod, "memif-testpmd")[0]
		inSubnets(t, network)
		hasArgument(t, pod, `--vdev=net_memif0,role=client,id=0,socket=usrsp-net1-\w+\.sock,socket-abstract=yes,mac=`+network.MAC+`,zero-copy=no\n`)
	}
	before := received(t, receiver, 0)
	t.Logf("%s received %d packets, then %d", receiver, before, received(t, receiver, before))
}

// TestVhostTestpmd applies examples/vpp-vhostuser-testpmd: the pod's testpmd answers
// its gateway.
func TestVhostTestpmd(t *testing.T) {
	clean(t)
	startTestpmd(t, "vpp-vhostuser-testpmd")
	const pod = "vhostuser-testpmd"
	network := attached(t, pod, "vhostuser-testpmd")[0]
	inSubnets(t, network, "10.58.0.0/24")
	t.Run("traffic", func(t *testing.T) {
		needVPP(t, "the simulator moves no frames over vhost-user, and testpmd doesn't start there")
		ready(t, 1)
		hasArgument(t, pod, `--vdev=net_virtio_user0,path=/var/lib/cni/usrspcni/usrsp-net1-\w+\.sock,queues=1,mac=`+network.MAC+` --single-file-segments\n`)
		// A testpmd that shares its processor may be late with some answers.
		t.Logf("the gateway -> %s: %s", pod, eventually(t, " 4 received", func(context.Context) (string, error) {
			out, _, err := lab.App(bin, "ping", network.IPs[0], "--settle", "10s")
			return out, err
		}))
	})
}

// startTestpmd applies an example.
func startTestpmd(t *testing.T, example string) {
	t.Helper()
	image, err := node.TestpmdImage()
	use(t, image, err)
	apply(t, network(t, example+"/network.yaml"))
	apply(t, examplePods(t, example+"/pod.yaml")...)
}

// hasArgument checks what usrsp-app has testpmd started with.
func hasArgument(t *testing.T, pod, pattern string) {
	t.Helper()
	out, err := inPod(t.Context(), pod, "usrsp-app", "dpdk-args")
	if err != nil || !regexp.MustCompile("^"+pattern+"$").MatchString(out) {
		t.Errorf("%s: usrsp-app dpdk-args: %v: %s\nwant %s", pod, err, out, pattern)
	}
}

var receivedPackets = regexp.MustCompile(`RX-packets: (\d+)`)

// received waits until a pod's testpmd counts more packets than before.
func received(t *testing.T, pod string, before int) (count int) {
	t.Helper()
	wait(t, time.Minute, pod+" receives", func(ctx context.Context) error {
		log, err := cluster.Kubectl(ctx, "", "logs", "--tail=30", pod)
		if err != nil {
			return err
		}
		for _, match := range receivedPackets.FindAllStringSubmatch(log, -1) {
			count, _ = strconv.Atoi(match[1])
		}
		if count <= before {
			return fmt.Errorf("%d packets, as before\n%s", count, log)
		}
		return nil
	})
	return count
}
