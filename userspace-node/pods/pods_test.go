package pods

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net/http"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
)

func TestDeletedPodIsGone(t *testing.T) {
	api := newAPI(t)
	api.Put(podJSON("a", "u1", node, ""))
	api.Put(podJSON("b", "u2", "n2", ""))
	f := watchPods(t, api, quick)
	f.wantThere(t, "a", "u1")
	f.wantThere(t, "a", "")
	f.wantGone(t, "b", "u2") // on another node
	f.wantGone(t, "never", "")
	api.Put(podJSON("c", "u3", node, ""))
	f.wantThere(t, "c", "u3")
	api.Delete("ns", "a")
	f.wantGone(t, "a", "u1")
	f.wantGone(t, "a", "")
	f.wantThere(t, "c", "u3")
	f.wantLog(t)
}

func TestReplacedPodIsGone(t *testing.T) {
	api := newAPI(t)
	api.Put(podJSON("a", "u1", node, ""))
	f := watchPods(t, api, quick)
	f.wantThere(t, "a", "u1")
	api.Put(podJSON("a", "u2", node, ""))
	f.wantGone(t, "a", "u1")
	f.wantThere(t, "a", "u2")
	f.wantThere(t, "a", "")
	api.Delete("ns", "a")
	f.wantGone(t, "a", "")
	api.Put(podJSON("a", "u3", node, ""))
	f.wantThere(t, "a", "")
	f.wantGone(t, "a", "u2")
}

// TestStaticPod: the plugin may know it by the kubelet's UID or by its mirror's,
// and the mirror can be replaced while the pod lives on.
func TestStaticPod(t *testing.T) {
	const mirrors = `"kubernetes.io/config.mirror":"hash1"`
	api := newAPI(t)
	api.Put(podJSON("static", "u1", node, mirrors))
	f := watchPods(t, api, quick)
	f.wantThere(t, "static", "u1")
	f.wantThere(t, "static", "hash1")
	api.Put(podJSON("static", "u2", node, mirrors))
	f.wantThere(t, "static", "u2")
	f.wantThere(t, "static", "hash1")
	f.wantUnknown(t, "static", "u1")
	api.Delete("ns", "static")
	f.wantGone(t, "static", "hash1")
}

// TestWatchBehind: the kubelet may have started a pod that the watch hasn't told
// of yet.
func TestWatchBehind(t *testing.T) {
	api := newAPI(t)
	api.Put(podJSON("a", "old", node, ""))
	var versions sync.Map // of lists, by their number
	var lists atomic.Int32
	api.Hook(func(w http.ResponseWriter, r *http.Request) bool {
		if !isWatch(r) {
			versions.Store(lists.Add(1), r.URL.Query().Get("resourceVersion"))
			return false
		}
		w.Header().Set("Content-Type", "application/json")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
		return true
	})
	f := watchPods(t, api, quick)
	f.wantThere(t, "a", "old")
	api.Put(podJSON("a", "new", node, ""))
	api.Put(podJSON("b", "new", node, ""))
	for asked := lists.Load(); lists.Load() < asked+3; {
		f.wantUnknown(t, "a", "new")
		f.wantUnknown(t, "b", "new")
	}
	f.wantThere(t, "a", "old") // as far as is known
	if version, _ := versions.Load(lists.Load()); version != "" {
		t.Errorf("the list has resourceVersion %q, with which it may come from a cache", version)
	}
}

func TestServerGoesAndComesBack(t *testing.T) {
	api := newAPI(t)
	api.Put(podJSON("a", "u1", node, ""))
	f := watchPods(t, api, quick)
	f.wantThere(t, "a", "u1")
	var refused atomic.Int32
	api.Hook(func(http.ResponseWriter, *http.Request) bool {
		refused.Add(1)
		panic(http.ErrAbortHandler)
	})
	api.CloseClientConnections()
	eventually(t, "the watch is broken", func() bool { return !f.Synced() })
	f.wantUnknown(t, "a", "u1")
	f.wantUnknown(t, "never", "u1")
	api.Delete("ns", "a")
	eventually(t, "it is tried again", func() bool { return refused.Load() >= 3 })
	f.wantUnknown(t, "a", "u1")
	f.wantLog(t, []string{"level=WARN", "resource=pods", "err="})
	api.Hook(nil)
	f.wantGone(t, "a", "u1")
	f.wantLog(t, []string{"level=WARN"}, []string{"level=INFO", "again"})
}

func TestNoServer(t *testing.T) {
	api := newAPI(t)
	api.Close()
	f := watchPods(t, api, quick)
	eventually(t, "a line in the log", func() bool { return len(f.log.all()) > 0 })
	if f.Synced() {
		t.Error("synced without a server")
	}
	f.wantUnknown(t, "a", "u1")
	f.wantLog(t, []string{"level=WARN", "verb=list", "resource=pods", "connection refused"})
}

// TestServerHangs: the end of the context must not wait for an answer.
func TestServerHangs(t *testing.T) {
	api := newAPI(t)
	hanging := make(chan struct{}, 1)
	api.Hook(func(_ http.ResponseWriter, r *http.Request) bool {
		hanging <- struct{}{}
		<-r.Context().Done()
		return true
	})
	f := watchPods(t, api, quick)
	<-hanging
	f.wantUnknown(t, "a", "u1")
}

func TestForbidden(t *testing.T) {
	for _, verb := range []string{"list", "watch"} {
		t.Run(verb, func(t *testing.T) {
			api := newAPI(t)
			api.Deny(verb)
			f := watchPods(t, api, quick)
			eventually(t, "it is tried again", func() bool { return len(api.Requests()) >= 4 })
			f.wantUnknown(t, "a", "u1")
			f.wantLog(t, []string{"level=WARN", "verb=" + verb, "resource=pods", "grant verb " + verb + " on resource pods"})
		})
	}
}

// TestExpired: a watch whose version the server has forgotten lists again.
func TestExpired(t *testing.T) {
	api := newAPI(t)
	api.Put(podJSON("a", "u1", node, ""))
	var lists atomic.Int32
	api.Hook(func(_ http.ResponseWriter, r *http.Request) bool {
		if !isWatch(r) {
			lists.Add(1)
		}
		return false
	})
	f := watchPods(t, api, quick)
	f.wantThere(t, "a", "u1")
	eventually(t, "the watch runs", f.Synced)
	before := lists.Load()
	api.Delete("ns", "a")
	api.Expire()
	eventually(t, "a new list", func() bool { return lists.Load() > before })
	api.Put(podJSON("b", "u2", node, ""))
	f.wantThere(t, "b", "u2")
	f.wantGone(t, "a", "u1")
	f.wantLog(t)
}

func TestBookmark(t *testing.T) {
	api := newAPI(t)
	f := watchPods(t, api, quick)
	eventually(t, "the watch runs", f.Synced)
	api.Bookmark()
	api.Put(podJSON("a", "u1", node, ""))
	f.wantThere(t, "a", "u1")
	f.wantLog(t)
}

func TestCredentials(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	t.Setenv("KUBERNETES_SERVICE_HOST", "")
	if _, err := Watch(context.Background(), Config{Node: node}, log); !errors.Is(err, ErrNoCredentials) {
		t.Errorf("without any: %v", err)
	}
	missing := filepath.Join(t.TempDir(), "kubeconfig")
	if _, err := Watch(context.Background(), Config{Kubeconfig: missing, Node: node}, log); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("with a missing kubeconfig: %v", err)
	}
	if _, err := Watch(context.Background(), Config{Kubeconfig: missing}, log); err == nil {
		t.Error("without a node's name: no error")
	}
}
