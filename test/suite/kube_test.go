package suite

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	podcontract "github.com/userspace-cni/userspace-cni/pkg/contract"
	"github.com/userspace-cni/userspace-cni/pkg/kube/fakeapi"
)

// cluster is an API server with one pod, whose volume shared-dir is a hostPath.
type cluster struct {
	*fakeapi.Server
	kubeconfig, volume string
}

func (b *bench) cluster() *cluster {
	b.Helper()
	c := &cluster{Server: fakeapi.New(), volume: filepath.Join(b.dir, "pod's volume")}
	b.Cleanup(c.Close)
	b.clusters = append(b.clusters, c)
	var err error
	c.kubeconfig, err = c.Kubeconfig(b.dir)
	must(b, err)
	c.Put(fmt.Sprintf(`{"metadata":{"namespace":"default","name":"web","uid":"u-1","annotations":{"other":"kept"}},
		"spec":{"nodeName":"node","volumes":[{"name":"shared-dir","hostPath":{"path":%q}}],
		"containers":[{"name":"vpp","volumeMounts":[{"name":"shared-dir","mountPath":"/var/lib/cni/usrspcni"}]}]}}`, c.volume))
	return c
}

// asPod makes a call about the cluster's pod.
func (a attachment) asPod(uid string) attachment {
	a.env = append(slices.Clone(a.env), "CNI_ARGS=IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=web;K8S_POD_UID="+uid)
	return a
}

// entries are the ones in the pod's annotation.
func (c *cluster) entries(b *bench) []podcontract.Entry {
	b.Helper()
	text := c.Annotations("default", "web")[podcontract.AnnotationData]
	if text == "" {
		return nil
	}
	all, err := podcontract.ParseList([]byte(text))
	must(b, err)
	return all
}

// TestAnnotations tells the pod by its annotations and its own volume, by one
// GET and one PATCH, and takes all of it back.
func TestAnnotations(t *testing.T) {
	onEach(t, func(b *bench) {
		c := b.cluster()
		const secret = "for-the-file-only"
		conf := func(name string, x int) object {
			return b.network(name, b.hostLocal(x), object{"kubeconfig": c.kubeconfig, "host": object{
				"iftype": "memif", "netType": "bridge", "bridge": object{"bridgeId": 4}, "memif": object{"secret": secret},
			}})
		}
		first := b.attach(conf("first", 1), "sandbox", "net1").asPod("u-1")
		second := b.attach(conf("second", 2), "sandbox", "net2").asPod("u-1")
		first.add()
		if got := c.Requests(); !slices.Equal(got, []string{http.MethodGet, http.MethodPatch}) {
			b.Errorf("an ADD sent %v, want one GET and one PATCH", got)
		}
		second.add()
		annotations := c.Annotations("default", "web")
		if strings.Contains(fmt.Sprint(annotations), secret) || annotations["other"] != "kept" ||
			annotations[podcontract.AnnotationMappedDir] != "/var/lib/cni/usrspcni/" {
			b.Errorf("annotations: %v", annotations)
		}
		if all := c.entries(b); len(all) != 2 || all[0].Name != "first" || all[1].IfName != "net2" {
			b.Errorf("entries: %+v", all)
		}
		files, _ := filepath.Glob(filepath.Join(c.volume, "*"))
		if len(files) != 4 {
			b.Errorf("the pod's volume has %v, want two sockets and two entries", files)
		}
		first.del()
		second.del()
		if after := c.Annotations("default", "web"); len(after) != 1 || after["other"] != "kept" {
			b.Errorf("annotations after DEL: %v", after)
		}
		if entries, err := os.ReadDir(c.volume); err != nil || len(entries) != 0 {
			b.Errorf("the pod's volume has %v (%v), want it there and empty", entries, err)
		}
	})
}

// TestLateDel deletes a former sandbox after its successor was attached: the
// successor's entry stays.
func TestLateDel(t *testing.T) {
	onEach(t, func(b *bench) {
		c := b.cluster()
		conf := b.network("net", b.hostLocal(1), object{"kubeconfig": c.kubeconfig})
		former, successor := b.attach(conf, "former", "net1").asPod("u-1"), b.attach(conf, "successor", "net1").asPod("u-1")
		former.add()
		successor.add()
		former.del()
		if all := c.entries(b); len(all) != 1 || all[0].ContainerID != "successor" {
			b.Errorf("entries: %+v, want the successor's", all)
		}
		successor.del()
	})
}

// TestAPIServerFaults makes ADD fail with what is wrong, and leave nothing; DEL
// goes on without the API server.
func TestAPIServerFaults(t *testing.T) {
	b := newBench(t, engines[0])
	c := b.cluster()
	a := b.attach(b.network("net", b.hostLocal(1), object{"kubeconfig": c.kubeconfig}), "sandbox", "net1")
	refuse := func(what string, code uint, a attachment, words ...string) {
		t.Helper()
		a.mustFail("ADD", code, words...)
		if left := b.left(); left != "" {
			t.Errorf("%s: left behind:\n%s", what, left)
		}
		if all := c.entries(b); len(all) != 0 {
			t.Errorf("%s: entries %+v", what, all)
		}
	}
	refuse("another pod of that name", 999, a.asPod("u-2"), "u-2")
	refuse("no kubeconfig", 5, b.attach(b.network("net", object{"kubeconfig": "/nowhere"}), "x", "net1").asPod("u-1"), "/nowhere")
	c.Deny("patch")
	refuse("no right to patch", 999, a.asPod("u-1"), "patch", "pods")

	c2 := b.cluster()
	a2 := b.attach(b.network("net", b.hostLocal(1), object{"kubeconfig": c2.kubeconfig}), "sandbox", "net1").asPod("u-1")
	a2.add()
	c2.Close()
	a2.del()
	b.clusters = []*cluster{c} // the entry stays: the next ADD replaces it, and it goes with the pod
}

// TestAnnotationNames reads the annotation
// by the names that readers of the Intel plugin know.
func TestAnnotationNames(t *testing.T) {
	b := newBench(t, engines[0])
	c := b.cluster()
	a := b.attach(b.network("net", b.hostLocal(1), object{"kubeconfig": c.kubeconfig}), "sandbox", "net1").asPod("u-1")
	a.add()
	var entries []struct {
		ContainerID, IfName, Name string
		Config                    struct {
			Engine, IfType, NetType string
			Memif                   struct{ Role, Mode, Socketfile string }
		}
		IPResult struct {
			IPs []struct{ Version, Address string }
		}
	}
	must(b, json.Unmarshal([]byte(c.Annotations("default", "web")[podcontract.AnnotationData]), &entries))
	if len(entries) != 1 || entries[0].Config.Memif.Role != "slave" || len(entries[0].IPResult.IPs) != 2 || entries[0].IPResult.IPs[0].Version != "4" {
		t.Errorf("entries: %+v", entries)
	}
	a.del()
}
