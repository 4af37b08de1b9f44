package kube

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/userspace-cni/userspace-cni/pkg/kube/fakeapi"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	podUID = "0f6d6d4e-7c1d-4a53-9d4e-4f5a7f2b9c11"
	other  = "1f6d6d4e-7c1d-4a53-9d4e-4f5a7f2b9c12"
)

var theRef = Ref{"default", "pod1", podUID}

// podWith is a pod with some annotations (JSON of a map, or empty).
func podWith(uid, annotations string) string {
	if annotations != "" {
		annotations = `,"annotations":` + annotations
	}
	return `{"kind":"Pod","apiVersion":"v1",
		"metadata":{"namespace":"default","name":"pod1","uid":"` + uid + `"` + annotations + `},
		"spec":{"containers":[{"name":"c"}]},"status":{"phase":"Pending"}}`
}

// newServer is a server with the pod, and a client of it.
func newServer(t *testing.T, pod string) (*fakeapi.Server, *Client) {
	t.Helper()
	s := fakeapi.New()
	t.Cleanup(s.Close)
	if pod != "" {
		s.Put(pod)
	}
	path, err := s.Kubeconfig(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	c, err := New(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return s, c
}

func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

func get(t *testing.T, c *Client) *Pod {
	t.Helper()
	pod, err := c.Pod(within(t, 10*time.Second), theRef)
	if err != nil {
		t.Fatal(err)
	}
	return pod
}

// mustSay wants an error with all of the words, and none with the token.
func mustSay(t *testing.T, err error, words ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("error %q lacks %q", err, word)
		}
	}
	if strings.Contains(err.Error(), fakeapi.Token) {
		t.Errorf("the token is in the error: %v", err)
	}
}

func mustRequest(t *testing.T, s *fakeapi.Server, want ...string) {
	t.Helper()
	if got := s.Requests(); !slices.Equal(got, want) {
		t.Errorf("requests %v, want %v", got, want)
	}
}

// times answers the first requests of a method by do, the others as usual.
func times(n int, method string, do func(w http.ResponseWriter)) func(http.ResponseWriter, *http.Request) bool {
	done := make(chan struct{}, n)
	return func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != method {
			return false
		}
		select {
		case done <- struct{}{}:
			do(w)
			return true
		default:
			return false
		}
	}
}

func failing(code int) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) { fakeapi.Fail(w, code, "Reason", "said the server") }
}
