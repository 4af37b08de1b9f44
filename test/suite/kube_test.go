package suite

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	podcontract "github.com/userspace-cni/userspace-cni/pkg/contract"
	"github.com/userspace-cni/userspace-cni/pkg/kube/fakeapi"
	"github.com/userspace-cni/userspace-cni/pkg/nodeconf"
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

// TestNodeCredentials: the node's credentials serve every network, one that names
// Multus' as networks for other plugins do, and one that names none.
func TestNodeCredentials(t *testing.T) {
	onEach(t, func(b *bench) {
		c := b.cluster()
		installed := filepath.Join(filepath.Dir(nodeconf.DefaultPath), nodeconf.KubeConfigName)
		b.Cleanup(func() { os.Remove(installed) })
		data, err := os.ReadFile(c.kubeconfig)
		must(b, err)
		must(b, os.WriteFile(installed, data, 0o600))
		one := b.attach(b.network("first", b.hostLocal(1), object{"kubeconfig": "/nowhere"}), "sandbox", "net1").asPod("u-1")
		two := b.attach(b.network("second", b.hostLocal(2)), "sandbox", "net2").asPod("u-1")
		one.add()
		two.add()
		if entries := c.entries(b); len(entries) != 2 {
			b.Errorf("the pod was told of %d networks, want 2", len(entries))
		}
		b.says("doctor --vpp-api-socket "+b.host.APISocket, 0, "ok       kubeconfig: "+installed)
		other := b.attach(b.network("second", b.hostLocal(2)), "without-kubernetes", "net1")
		other.add()
		for _, a := range []attachment{one, two, other} {
			a.del()
		}
		if entries := c.entries(b); len(entries) != 0 {
			b.Errorf("after DEL the pod is told of %v", entries)
		}
		b.node(object{"kubeconfig": "/nowhere"})
		one.refused("the node's settings name another", 5, "/nowhere")
	})
}

// TestNodeCredentialsAfterwards: those that the node gets serve the pods too that
// were attached before, by credentials that may be of no use any more.
func TestNodeCredentialsAfterwards(t *testing.T) {
	onEach(t, func(b *bench) {
		c := b.cluster()
		former := filepath.Join(b.dir, "former.kubeconfig")
		data, err := os.ReadFile(c.kubeconfig)
		must(b, err)
		must(b, os.WriteFile(former, data, 0o600))
		a := b.attach(b.network("net", b.hostLocal(1), object{"kubeconfig": former}), "sandbox", "net1").asPod("u-1")
		a.add()
		must(b, os.Remove(former))
		b.node(object{"kubeconfig": c.kubeconfig})
		a.add()
		a.intact("after the node has got credentials")
		a.del()
		if entries := c.entries(b); len(entries) != 0 {
			b.Errorf("after DEL the pod is told of %v", entries)
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

// TestAnnotationConflict has another writer change the pod between the plugin's
// GET and its PATCH, at ADD and at DEL, and the API server refuse a patch for
// too many writers: every writer's entry survives.
func TestAnnotationConflict(t *testing.T) {
	onEach(t, func(b *bench) {
		for name, meddle := range map[string]func(c *cluster, w http.ResponseWriter) bool{
			"another's entry": func(c *cluster, _ http.ResponseWriter) bool {
				c.Annotate("default", "web", podcontract.AnnotationData, `[{"containerId":"theirs","ifName":"net9","name":"theirs","config":{"iftype":"memif"}}]`)
				return false
			},
			"the kubelet": func(c *cluster, _ http.ResponseWriter) bool {
				c.Edit("default", "web", func(pod map[string]any) { pod["status"] = object{"phase": "Running"} })
				c.Annotate("default", "web", podcontract.AnnotationData, `[{"containerId":"theirs","ifName":"net9","name":"theirs","config":{"iftype":"memif"}}]`)
				return false
			},
			"409": func(c *cluster, w http.ResponseWriter) bool {
				c.Annotate("default", "web", podcontract.AnnotationData, `[{"containerId":"theirs","ifName":"net9","name":"theirs","config":{"iftype":"memif"}}]`)
				fakeapi.Fail(w, http.StatusConflict, "Conflict", "the object has been modified")
				return true
			},
		} {
			c := b.cluster()
			a := b.attach(b.network("net", b.hostLocal(1), object{"kubeconfig": c.kubeconfig}), "sandbox", "net1").asPod("u-1")
			c.once(http.MethodPatch, func(w http.ResponseWriter) bool { return meddle(c, w) })
			a.add()
			if all := c.entries(b); len(all) != 2 || all[0].Name != "theirs" || all[1].Name != "net" {
				b.Errorf("%s: entries %+v, want the other's and ours", name, all)
			}
			if c.Annotations("default", "web")["other"] != "kept" {
				b.Errorf("%s: somebody's annotation is gone", name)
			}
			c.once(http.MethodPatch, func(http.ResponseWriter) bool {
				all := c.entries(b)
				all[0].IfName = "net8"
				c.Annotate("default", "web", podcontract.AnnotationData, string(encode(b.T, all)))
				return false
			})
			a.del()
			if all := c.entries(b); len(all) != 1 || all[0].Name != "theirs" || all[0].IfName != "net8" {
				b.Errorf("%s: entries after DEL %+v, want the other's", name, all)
			}
			c.Annotate("default", "web", podcontract.AnnotationData, "")
		}
	})
}

// once meddles with the first request of a method; the others pass.
func (c *cluster) once(method string, meddle func(w http.ResponseWriter) bool) {
	var first sync.Once
	c.Hook(func(w http.ResponseWriter, r *http.Request) (answered bool) {
		if r.Method == method {
			first.Do(func() { answered = meddle(w) })
		}
		return answered
	})
}

// TestAPIServerAnswers has the API server give each answer that isn't a pod, to
// the GET and to the PATCH of an ADD and of a DEL. The ADD fails with what is to
// be done and leaves nothing, not even an address; the DEL succeeds, since what
// stays in the annotations of a pod harms nobody.
func TestAPIServerAnswers(t *testing.T) {
	fail := func(code int, reason string) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) { fakeapi.Fail(w, code, reason, "the server says "+reason) }
	}
	ended := make(chan struct{})
	defer close(ended)
	verbs := map[string]string{http.MethodGet: "get", http.MethodPatch: "patch"}
	b := newBench(t, engines[0])
	b.node(object{"addTimeout": "2s", "delTimeout": "2500ms"})
	for name, c := range map[string]struct {
		answer func(w http.ResponseWriter)
		code   uint
		says   []string
	}{
		"400":                 {fail(http.StatusBadRequest, "BadRequest"), 999, []string{"the server says BadRequest"}},
		"401":                 {fail(http.StatusUnauthorized, "Unauthorized"), 11, []string{"token", "the API server does not accept", "userspace-install"}},
		"403":                 {fail(http.StatusForbidden, "Forbidden"), 999, []string{"grant verb %s on resource pods", "namespace default"}},
		"404":                 {fail(http.StatusNotFound, "NotFound"), 999, []string{"no such pod"}},
		"429":                 {fail(http.StatusTooManyRequests, "TooManyRequests"), 11, []string{"not available", "tried"}},
		"500":                 {fail(http.StatusInternalServerError, "InternalError"), 11, []string{"not available", "tried"}},
		"a closed connection": {func(http.ResponseWriter) { panic(http.ErrAbortHandler) }, 11, []string{"not available"}},
		"no JSON":             {func(w http.ResponseWriter) { fmt.Fprint(w, "<html>") }, 999, []string{"is not a pod"}},
		"nothing at all":      {func(http.ResponseWriter) { <-ended }, 11, []string{"not available", "deadline"}},
	} {
		for method, verb := range verbs {
			cl := b.cluster()
			a := b.attach(b.network("net", b.hostLocal(1), object{"kubeconfig": cl.kubeconfig}), "sandbox", "net1").asPod("u-1")
			always := func(w http.ResponseWriter, r *http.Request) bool {
				if r.Method == method {
					c.answer(w)
				}
				return r.Method == method
			}
			if name != "no JSON" || method != http.MethodPatch { // nobody reads a patch's answer
				cl.Hook(always)
				words := []string{verb + " pod default/web"}
				for _, word := range c.says {
					words = append(words, strings.ReplaceAll(word, "%s", verb))
				}
				a.mustFail("ADD", c.code, words...)
				if left := b.left(); left != "" {
					t.Errorf("%s to %s at ADD: left behind:\n%s", name, verb, left)
				}
				if files, _ := filepath.Glob(filepath.Join(cl.volume, "*")); len(files) != 0 {
					t.Errorf("%s to %s at ADD: left in the pod's volume: %v", name, verb, files)
				}
				if all := cl.entries(b); len(all) != 0 {
					t.Errorf("%s to %s at ADD: entries %+v", name, verb, all)
				}
			}
			cl.Hook(nil)
			a.add()
			cl.Hook(always)
			a.del()
			cl.Annotate("default", "web", podcontract.AnnotationData, "")
			if left := b.left(); left != "" {
				t.Errorf("%s to %s at DEL: left behind:\n%s", name, verb, left)
			}
			must(b, os.RemoveAll(cl.volume))
		}
	}
}

// TestPassingAPIServerFaults has the API server fail once: the ADD tries again.
func TestPassingAPIServerFaults(t *testing.T) {
	b := newBench(t, engines[0])
	for _, method := range []string{http.MethodGet, http.MethodPatch} {
		c := b.cluster()
		a := b.attach(b.network("net", b.hostLocal(1), object{"kubeconfig": c.kubeconfig}), "sandbox", "net1").asPod("u-1")
		c.once(method, func(w http.ResponseWriter) bool {
			fakeapi.Fail(w, http.StatusInternalServerError, "InternalError", "etcdserver: leader changed")
			return true
		})
		a.add()
		if all := c.entries(b); len(all) != 1 {
			t.Errorf("%s failed once: entries %+v", method, all)
		}
		c.Delete("default", "web") // the pod goes before its sandbox
		a.del()
		must(b, os.RemoveAll(c.volume))
	}
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
