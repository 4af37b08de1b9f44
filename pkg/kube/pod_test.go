package kube

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/userspace-cni/userspace-cni/pkg/kube/fakeapi"
	"github.com/userspace-cni/userspace-cni/pkg/shareddir"
)

func TestPod(t *testing.T) {
	s, c := newServer(t, `{"kind":"Pod","apiVersion":"v1",
	"metadata":{"namespace":"default","name":"pod1","uid":"`+podUID+`","annotations":{"a":"1 < 2"},"managedFields":[{"x":1}]},
	"spec":{
		"nodeName":"node1",
		"securityContext":{"runAsUser":1000,"runAsGroup":1001,"fsGroup":2000,"supplementalGroups":[1]},
		"volumes":[
			{"name":"shared-dir","emptyDir":{"medium":"Memory"}},
			{"name":"h","hostPath":{"path":"/var/run/x","type":"DirectoryOrCreate"}},
			{"name":"i","hostPath":{"path":"/y"}},
			{"name":"token","projected":{"sources":[]}}],
		"initContainers":[{"name":"init","volumeMounts":[{"name":"shared-dir","mountPath":"/init"}]}],
		"containers":[
			{"name":"none","volumeMounts":[{"name":"h","mountPath":"/h"}]},
			{"name":"below","volumeMounts":[{"name":"shared-dir","mountPath":"/b","subPath":"x"},{"name":"shared-dir","mountPath":"/b2","subPathExpr":"$(X)"}]},
			{"name":"app","securityContext":{"runAsUser":7,"privileged":true},"volumeMounts":[{"name":"shared-dir","mountPath":"/usrsp","readOnly":true}]}]}}`)
	got := get(t, c)
	number := func(n int64) *int64 { return &n }
	want := &Pod{
		Ref: theRef, KubeletUID: podUID, NodeName: "node1", Annotations: map[string]string{"a": "1 < 2"},
		Volumes: []shareddir.Volume{
			{Name: "shared-dir", EmptyDir: true},
			{Name: "h", HostPath: "/var/run/x", HostPathType: "DirectoryOrCreate"},
			{Name: "i", HostPath: "/y"},
			{Name: "token"},
		},
		Mounts: []Mount{
			{"app", "/usrsp", true, Security{number(7), number(1001), nil}},
			{"init", "/init", false, Security{number(1000), number(1001), nil}},
		},
		Security: Security{number(1000), number(1001), nil},
		FSGroup:  number(2000),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if got.MountPath() != "/usrsp" {
		t.Errorf("mount path %q", got.MountPath())
	}
	mustRequest(t, s, "GET")
}

func TestPodSparse(t *testing.T) {
	_, c := newServer(t, podWith(podUID, ""))
	want := &Pod{Ref: theRef, KubeletUID: podUID}
	got, err := c.Pod(context.Background(), Ref{"default", "pod1", ""})
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v, -want +got:\n%s", err, diff)
	}
	if got.MountPath() != "" {
		t.Errorf("mount path %q", got.MountPath())
	}
}

// TestStaticPod: the kubelet calls it by another UID than the API server. The
// annotation is the pod author's to forge, so it never says where to write.
func TestStaticPod(t *testing.T) {
	_, c := newServer(t, podWith(podUID, `{"kubernetes.io/config.mirror":"7c0fd0a1"}`))
	for uid, kubelet := range map[string]string{"7c0fd0a1": "7c0fd0a1", podUID: podUID, "": podUID} {
		pod, err := c.Pod(within(t, time.Second), Ref{"default", "pod1", uid})
		if err != nil || pod.UID != podUID || pod.KubeletUID != kubelet {
			t.Errorf("%q: %+v, %v", uid, pod, err)
		}
	}
}

func TestPodReplaced(t *testing.T) {
	_, c := newServer(t, podWith(other, ""))
	_, err := c.Pod(within(t, time.Second), theRef)
	mustSay(t, err, "default/pod1", podUID, other)
	if !errors.Is(err, ErrReplaced) {
		t.Error(err)
	}
}

// TestPodRefused: each answer that repeating doesn't help is given once, and
// says what to do.
func TestPodRefused(t *testing.T) {
	for name, c := range map[string]struct {
		prepare func(*fakeapi.Server)
		is      error
		words   []string
	}{
		"404": {func(s *fakeapi.Server) { s.Delete("default", "pod1") }, ErrNotFound, []string{"not found"}},
		"410": {func(s *fakeapi.Server) { s.Hook(times(9, "GET", failing(410))) }, ErrNotFound, nil},
		"403": {func(s *fakeapi.Server) { s.Deny("get") }, ErrForbidden, []string{"may not get pods in namespace default", "grant verb get on resource pods", `User "u" cannot get`}},
		"401": {func(s *fakeapi.Server) { s.Hook(times(9, "GET", failing(401))) }, ErrUnauthorized, []string{"credentials", "kubeconfig", "renew"}},
		"400": {func(s *fakeapi.Server) { s.Hook(times(9, "GET", failing(400))) }, nil, []string{"400", "said the server"}},
		"redirection": {func(s *fakeapi.Server) {
			s.Hook(times(9, "GET", func(w http.ResponseWriter) {
				w.Header().Set("Location", "https://192.0.2.1/")
				w.WriteHeader(http.StatusFound)
			}))
		}, nil, []string{"302"}},
		"no pod": {func(s *fakeapi.Server) {
			s.Hook(times(9, "GET", func(w http.ResponseWriter) { w.Write([]byte(`{"kind":"Status"}`)) }))
		}, nil, []string{"is not a pod", "metadata.uid"}},
		"no JSON": {func(s *fakeapi.Server) {
			s.Hook(times(9, "GET", func(w http.ResponseWriter) { w.Write([]byte(`<html>`)) }))
		}, nil, []string{"is not a pod"}},
		"endless": {func(s *fakeapi.Server) {
			s.Hook(times(9, "GET", func(w http.ResponseWriter) { w.Write([]byte(strings.Repeat(" ", maxBody+1))) }))
		}, nil, []string{"longer than"}},
	} {
		t.Run(name, func(t *testing.T) {
			s, client := newServer(t, podWith(podUID, ""))
			c.prepare(s)
			_, err := client.Pod(within(t, 10*time.Second), theRef)
			mustSay(t, err, append(c.words, "get pod default/pod1")...)
			if c.is != nil && !errors.Is(err, c.is) {
				t.Errorf("%v is not: %v", err, c.is)
			}
			mustRequest(t, s, "GET")
		})
	}
}

// TestPodTemporary: what may pass is tried again, a few times.
func TestPodTemporary(t *testing.T) {
	// Not on a connection that is used again: there Go itself tries again.
	hangUp := func(http.ResponseWriter) { panic(http.ErrAbortHandler) }
	for name, do := range map[string]func(http.ResponseWriter){
		"429": failing(429), "500": failing(500), "502": failing(502), "503": failing(503), "504": failing(504), "hang up": hangUp,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, c := newServer(t, podWith(podUID, ""))
			s.Hook(times(2, "GET", do))
			if pod := get(t, c); pod.UID != podUID {
				t.Errorf("%+v", pod)
			}
			mustRequest(t, s, "GET", "GET", "GET")
			s.Hook(times(9, "GET", do))
			c.Close()
			_, err := c.Pod(within(t, 10*time.Second), theRef)
			mustSay(t, err, "tried 4 times", s.URL, "kubeconfig", "healthy")
			if !errors.Is(err, ErrUnavailable) {
				t.Error(err)
			}
			mustRequest(t, s, "GET", "GET", "GET", "GET", "GET", "GET", "GET")
		})
	}
}

func TestRetryAfter(t *testing.T) {
	s, c := newServer(t, podWith(podUID, ""))
	s.Hook(times(1, "GET", func(w http.ResponseWriter) {
		w.Header().Set("Retry-After", "1")
		failing(429)(w)
	}))
	start := time.Now()
	get(t, c)
	if took := time.Since(start); took < time.Second {
		t.Errorf("asked again after %v", took)
	}
}

// TestHanging: one request that is never answered costs a part of the time, and
// all of them end by the caller's deadline.
func TestHanging(t *testing.T) {
	s, c := newServer(t, podWith(podUID, ""))
	c.tryTimeout = 100 * time.Millisecond
	hang := func(w http.ResponseWriter, r *http.Request) bool { <-r.Context().Done(); return true }
	first := times(1, "GET", func(http.ResponseWriter) {})
	s.Hook(func(w http.ResponseWriter, r *http.Request) bool { return first(w, r) && hang(w, r) })
	get(t, c)
	mustRequest(t, s, "GET", "GET")

	c.tryTimeout = tryTimeout
	s.Hook(hang)
	start := time.Now()
	_, err := c.Pod(within(t, 300*time.Millisecond), theRef)
	mustSay(t, err, "deadline", s.URL)
	if took := time.Since(start); took > 2*time.Second || !errors.Is(err, ErrUnavailable) {
		t.Errorf("%v after %v", err, took)
	}
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(50*time.Millisecond, cancel)
	if _, err := c.Pod(ctx, theRef); !errors.Is(err, context.Canceled) || errors.Is(err, ErrUnavailable) {
		t.Error(err)
	}
}

func TestNobodyListens(t *testing.T) {
	s, c := newServer(t, "")
	s.Close()
	_, err := c.Pod(within(t, 5*time.Second), theRef)
	mustSay(t, err, "connection refused", s.URL, "kubeconfig")
	if !errors.Is(err, ErrUnavailable) {
		t.Error(err)
	}
}

// TestOddNames: nothing that would be another request.
func TestOddNames(t *testing.T) {
	s, c := newServer(t, podWith(podUID, ""))
	for _, name := range []string{"", ".", "..", "a/b", "a?b", "a#b", "%2e%2e", "A", "pod1/status", "a\nb"} {
		for _, ref := range []Ref{{"default", name, ""}, {name, "pod1", ""}} {
			if _, err := c.Pod(within(t, time.Second), ref); err == nil {
				t.Errorf("%+v", ref)
			}
		}
	}
	mustRequest(t, s)
}
