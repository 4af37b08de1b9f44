package pods

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/userspace-cni/userspace-cni/pkg/kube/fakeapi"
)

const node = "n1"

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// lines is a log that can be read while it is written.
type lines struct {
	mutex sync.Mutex
	text  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.text.Write(p)
}

func (l *lines) all() []string {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return strings.Split(strings.TrimSuffix(l.text.String(), "\n"), "\n")[:strings.Count(l.text.String(), "\n")]
}

// fixture is a watch of a fake API server's pods.
type fixture struct {
	*Pods
	api *fakeapi.Server
	log *lines
}

// quick makes requests that are seconds apart follow within moments.
var quick = pace{
	gather: 10 * time.Millisecond, first: 50 * time.Millisecond, most: 50 * time.Millisecond,
	retry: &wait.Backoff{Duration: 10 * time.Millisecond, Factor: 1, Steps: 1},
}

func watchPods(t *testing.T, api *fakeapi.Server, pace pace) *fixture {
	t.Helper()
	kubeconfig, err := api.Kubeconfig(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{api: api, log: &lines{}}
	ctx, cancel := context.WithCancel(context.Background())
	f.Pods, err = start(ctx, Config{Kubeconfig: kubeconfig, Node: node}, slog.New(slog.NewTextHandler(f.log, nil)), pace)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		f.Wait()
	})
	return f
}

// newAPI is a fake API server, which stops after those who use it.
func newAPI(t *testing.T) *fakeapi.Server {
	t.Helper()
	api := fakeapi.New()
	t.Cleanup(api.Close)
	api.Put(podJSON("always", "u-always", node, "")) // of a node without any, nothing is known
	return api
}

func podJSON(name, uid, on, annotations string) string {
	return fmt.Sprintf(`{"kind":"Pod","apiVersion":"v1","metadata":{"namespace":"ns","name":%q,"uid":%q,"annotations":{%s}},"spec":{"nodeName":%q}}`,
		name, uid, annotations, on)
}

// eventually waits for a condition.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	err := wait.PollUntilContextTimeout(context.Background(), 2*time.Millisecond, 30*time.Second, true,
		func(context.Context) (bool, error) { return condition(), nil })
	if err != nil {
		t.Fatalf("%s: never", what)
	}
}

func (f *fixture) wantGone(t *testing.T, name, uid string) {
	t.Helper()
	eventually(t, fmt.Sprintf("pod %s (UID %q) is known to be gone", name, uid), func() bool {
		gone, known := f.Gone("ns", name, uid)
		if gone && !known {
			t.Fatal("gone, but not known")
		}
		return gone && known
	})
}

func (f *fixture) wantThere(t *testing.T, name, uid string) {
	t.Helper()
	eventually(t, fmt.Sprintf("pod %s (UID %q) is known to be there", name, uid), func() bool {
		gone, known := f.Gone("ns", name, uid)
		return !gone && known
	})
}

func (f *fixture) wantUnknown(t *testing.T, name, uid string) {
	t.Helper()
	if gone, known := f.Gone("ns", name, uid); gone || known {
		t.Fatalf("pod %s (UID %q): gone=%t, known=%t; want that nothing is known", name, uid, gone, known)
	}
}

// wantLog compares the number of lines, and what each must contain.
func (f *fixture) wantLog(t *testing.T, want ...[]string) {
	t.Helper()
	got := f.log.all()
	if len(got) != len(want) {
		t.Fatalf("%d lines in the log, want %d:\n%s", len(got), len(want), strings.Join(got, "\n"))
	}
	for i, parts := range want {
		for _, part := range parts {
			if !strings.Contains(got[i], part) {
				t.Errorf("line %q lacks %q", got[i], part)
			}
		}
	}
}

func isWatch(r *http.Request) bool { return r.URL.Query().Get("watch") != "" }
