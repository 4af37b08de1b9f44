package direct

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/containernetworking/cni/libcni"
	"github.com/containernetworking/cni/pkg/invoke"
	corev1 "k8s.io/api/core/v1"

	"github.com/userspace-cni/userspace-cni/pkg/contract"
	"github.com/userspace-cni/userspace-cni/test/e2e/cluster"
	"github.com/userspace-cni/userspace-cni/test/lab"
)

// pod is an object of the API server, with a network namespace for its sandbox and
// a VPP in that. Its sockets are in a directory of the node.
type pod struct {
	name, uid, netns, dir string
	vpp                   *lab.VPP
}

const podManifest = `
apiVersion: v1
kind: Pod
metadata: {name: %q, annotations: {k8s.v1.cni.cncf.io/networks: %q}}
spec:
  nodeName: ` + cluster.NodeName + `
  containers:
    - {name: app, image: none, volumeMounts: [{name: shared-dir, mountPath: /var/lib/cni/usrspcni/}]}
  volumes:
    - {name: shared-dir, hostPath: {path: %q}}
`

// podsDir has the directories that pods share with the node.
const podsDir = "/run/pods"

func newPod(t *testing.T, name, networks string) *pod {
	t.Helper()
	p := &pod{name: name, dir: podsDir + "/" + name}
	apply(t, fmt.Sprintf(podManifest, name, networks, p.dir))
	p.uid = string(p.object(t).UID)
	must(t, os.MkdirAll(p.dir, 0o755)) // the kubelet does
	var err error
	p.netns, err = lab.NewNetns(name)
	must(t, err)
	t.Cleanup(func() {
		must(t, lab.DeleteNetns(p.netns))
		must(t, os.Remove(p.dir)) // what is in it is left behind
		_, err := cluster.Kubectl(context.Background(), "", "delete", "pod", name, "--force", "--grace-period=0")
		must(t, err)
	})
	p.vpp, err = lab.StartVPP(host.Engine, "/run/"+name, p.netns)
	must(t, err)
	t.Cleanup(func() { must(t, p.vpp.Kill()) })
	return p
}

// object is what the API server has.
func (p *pod) object(t *testing.T) *corev1.Pod {
	t.Helper()
	var object corev1.Pod
	must(t, control.Get(context.Background(), "/api/v1/namespaces/default/pods/"+p.name, &object))
	return &object
}

// entries are what the plugin says of the pod, by the interfaces' names.
func (p *pod) entries(t *testing.T) map[string]contract.Entry {
	t.Helper()
	all := map[string]contract.Entry{}
	text := p.object(t).Annotations[contract.AnnotationData]
	if text == "" {
		return all
	}
	list, err := contract.ParseList([]byte(text))
	must(t, err)
	for _, entry := range list {
		all[entry.IfName] = entry
	}
	return all
}

// attachment is what Multus says of a network.
type attachment struct {
	Name, Interface, MAC string
	IPs                  []string
}

func (p *pod) status(t *testing.T) (all []attachment) {
	t.Helper()
	must(t, json.Unmarshal([]byte(p.object(t).Annotations["k8s.v1.cni.cncf.io/network-status"]), &all))
	return all
}

// runtime is what a container runtime calls CNI plugins by: the library that
// containerd has too, which starts them with the environment and on standard input
// as the specification says, and remembers the result for CHECK and DEL. What they
// say beside their result is shown when the test fails.
func runtime(t *testing.T) (*libcni.CNIConfig, *libcni.NetworkConfigList) {
	t.Helper()
	config, err := os.ReadFile(cluster.NetworksDir + "/00-multus.conf")
	must(t, err)
	list, err := libcni.NetworkConfFromBytes(fmt.Appendf(nil, `{"cniVersion": "1.0.0", "name": "multus-cni-network", "plugins": [%s]}`, config))
	must(t, err)
	said := &bytes.Buffer{}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(said)
		}
	})
	exec := &invoke.DefaultExec{RawExec: &invoke.RawExec{Stderr: said}}
	return libcni.NewCNIConfigWithCacheDir([]string{cluster.PluginsDir}, "/var/lib/cni", exec), list
}

// sandbox is what the runtime tells of a pod's.
func (p *pod) sandbox(id string) *libcni.RuntimeConf {
	args := [][2]string{
		{"IgnoreUnknown", "1"},
		{"K8S_POD_NAMESPACE", "default"},
		{"K8S_POD_NAME", p.name},
		{"K8S_POD_INFRA_CONTAINER_ID", id},
		{"K8S_POD_UID", p.uid},
	}
	return &libcni.RuntimeConf{ContainerID: id, NetNS: p.netns, IfName: "eth0", Args: args}
}

// configure runs usrsp-app once, and waits for the pod's links.
func (p *pod) configure(t *testing.T, links int) {
	t.Helper()
	_, _, err := lab.App(bin, "--once", "--timeout", "20s", "--log-level", "error", "--vpp-api-socket", p.vpp.APISocket, "--shared-dir", p.dir)
	must(t, err)
	wait(t, p.name+" connected", func(context.Context) error {
		table, _, err := lab.App(bin, "show", "--vpp-api-socket", p.vpp.APISocket)
		if err == nil && strings.Count(table, " of VPP") != links {
			err = fmt.Errorf("not all are:\n%s", table)
		}
		return err
	})
}

func (p *pod) ping(t *testing.T, address string) {
	t.Helper()
	out, _, err := lab.App(bin, "ping", address, "--settle", "10s", "--vpp-api-socket", p.vpp.APISocket)
	if err != nil || !strings.Contains(out, " 4 received") {
		t.Fatalf("%s -> %s: %v\n%s", p.name, address, err, out)
	}
}
