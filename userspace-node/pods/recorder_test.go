package pods

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/userspace-cni/userspace-cni/pkg/kube/fakeapi"
)

var podA = Ref{Namespace: "ns", Name: "a", UID: "u1"}

// events are those the server has, read by the types of Kubernetes.
func events(t *testing.T, api *fakeapi.Server) []corev1.Event {
	t.Helper()
	var all []corev1.Event
	for _, doc := range api.Events() {
		var e corev1.Event
		decoder := json.NewDecoder(strings.NewReader(string(doc)))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&e); err != nil {
			t.Fatalf("%s: %v", doc, err)
		}
		all = append(all, e)
	}
	return all
}

func waitEvents(t *testing.T, api *fakeapi.Server, n int) []corev1.Event {
	t.Helper()
	eventually(t, fmt.Sprintf("%d events", n), func() bool { return len(api.Events()) >= n })
	return events(t, api)
}

func TestEvent(t *testing.T) {
	api := newAPI(t)
	f := watchPods(t, api, quick)
	before := time.Now()
	f.Event(podA, Warning, ReasonLost, "net1: VPP has no such interface")
	got := waitEvents(t, api, 1)[0]
	if got.FirstTimestamp.Unix() < before.Unix() || got.LastTimestamp.Unix() > time.Now().Unix() {
		t.Errorf("times are %v and %v", got.FirstTimestamp, got.LastTimestamp)
	}
	if !strings.HasPrefix(got.Name, "a.") {
		t.Errorf("its name is %q", got.Name)
	}
	want := corev1.Event{
		InvolvedObject:      corev1.ObjectReference{Kind: "Pod", APIVersion: "v1", Namespace: "ns", Name: "a", UID: "u1"},
		Type:                corev1.EventTypeWarning,
		Reason:              "EndpointLost",
		Message:             "net1: VPP has no such interface",
		Count:               1,
		Source:              corev1.EventSource{Component: "userspace-node", Host: node},
		ReportingController: "userspace-node",
		ReportingInstance:   node,
	}
	want.Kind, want.APIVersion, want.Namespace, want.Name = "Event", "v1", "ns", got.Name
	want.FirstTimestamp, want.LastTimestamp = got.FirstTimestamp, got.LastTimestamp
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestFlapping: few events, but each is counted, and the last is told.
func TestFlapping(t *testing.T) {
	const times = 200
	api := newAPI(t)
	f := watchPods(t, api, pace{gather: 10 * time.Millisecond, first: 300 * time.Millisecond, most: time.Second})
	for i := range times {
		f.Event(podA, Warning, ReasonLost, "net1")
		f.Event(podA, Warning, ReasonLost, "net2")
		if i == 0 {
			waitEvents(t, api, 1)
		}
	}
	counted := func() (count int32) {
		for _, e := range events(t, api) {
			count += e.Count
		}
		return count
	}
	eventually(t, "all are counted", func() bool { return counted() == 2*times })
	got := events(t, api)
	if len(got) > 5 {
		t.Errorf("%d events", len(got))
	}
	if message := got[len(got)-1].Message; message != "net1; net2" && message != "net2; net1" {
		t.Errorf("the last one says %q", message)
	}
}

func TestEventsDontBlock(t *testing.T) {
	api := newAPI(t)
	release := make(chan struct{})
	api.Hook(func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPost {
			select {
			case <-release:
			case <-r.Context().Done():
				return true
			}
		}
		return false
	})
	f := watchPods(t, api, quick)
	f.Event(podA, Normal, ReasonRestored, "net1")
	eventually(t, "the server hangs", func() bool { return countPosts(api) == 1 })
	for i := range 1000 + queueLength {
		f.Event(Ref{Namespace: "ns", Name: fmt.Sprint("p", i)}, Normal, ReasonRestored, "net1")
	}
	f.wantLog(t, []string{"level=WARN", "events on pods are dropped", "queue is full"})
	close(release)
	waitEvents(t, api, 10)
	eventually(t, "the line that it goes on", func() bool { return len(f.log.all()) == 2 })
}

func countPosts(api *fakeapi.Server) (n int) {
	for _, method := range api.Requests() {
		if method == http.MethodPost {
			n++
		}
	}
	return n
}

func TestEventsRefused(t *testing.T) {
	api := newAPI(t)
	api.Deny("create")
	f := watchPods(t, api, quick)
	for i := range 3 {
		f.Event(Ref{Namespace: "ns", Name: fmt.Sprint("p", i)}, Warning, ReasonNotRestored, "net1")
	}
	eventually(t, "all are tried", func() bool { return countPosts(api) == 3 })
	eventually(t, "a line", func() bool { return len(f.log.all()) == 1 })
	f.wantLog(t, []string{"level=WARN", "verb=create", "resource=events", "cannot create resource"})
}

// TestEventOfNamespaceGone: nobody has to know.
func TestEventOfNamespaceGone(t *testing.T) {
	api := newAPI(t)
	var posts atomic.Int32
	api.Hook(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodPost || posts.Add(1) > 1 {
			return false
		}
		fakeapi.Fail(w, http.StatusNotFound, "NotFound", `namespaces "ns" not found`)
		return true
	})
	f := watchPods(t, api, quick)
	f.Event(podA, Warning, ReasonLost, "net1")
	f.Event(podA, Warning, ReasonNotRestored, "net1")
	waitEvents(t, api, 1)
	f.wantLog(t)
}

func TestEventText(t *testing.T) {
	s := &series{}
	for range 3 {
		s.add(notice{topic{podA, ReasonLost}, Warning, strings.Repeat("é", maxMessage), time.Now()})
		s.add(notice{topic{podA, ReasonLost}, Warning, "net2", time.Now()})
	}
	e := s.event(topic{Ref{Namespace: "ns", Name: strings.Repeat("a", maxName)}, ReasonLost}, node)
	if want := strings.Repeat("é", maxMessage/2); e.Message != want {
		t.Errorf("the message is %q", e.Message)
	}
	if e.Count != 6 {
		t.Errorf("the count is %d", e.Count)
	}
	if len(e.Metadata.Name) > maxName {
		t.Errorf("the name is %q", e.Metadata.Name)
	}
}
