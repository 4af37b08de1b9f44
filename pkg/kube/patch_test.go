package kube

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/userspace-cni/userspace-cni/pkg/kube/fakeapi"
)

const key = "userspace/configuration-data"

// appending adds a word to the annotation.
func appending(word string) Mutate {
	return func(current map[string]string) (map[string]string, []string, error) {
		return map[string]string{key: strings.TrimSpace(current[key] + " " + word)}, nil, nil
	}
}

func apply(t *testing.T, c *Client, pod *Pod, mutate Mutate) {
	t.Helper()
	if err := c.PatchAnnotations(within(t, 10*time.Second), pod, mutate); err != nil {
		t.Fatal(err)
	}
}

func mustHave(t *testing.T, s *fakeapi.Server, want map[string]string) {
	t.Helper()
	if diff := cmp.Diff(want, s.Annotations("default", "pod1")); diff != "" {
		t.Errorf("annotations -want +got:\n%s", diff)
	}
}

// TestPatchUndisturbed: one GET and one PATCH, whatever is in the annotations.
func TestPatchUndisturbed(t *testing.T) {
	odd := "<&>\u2028 \"\\ é \t=~"
	for name, before := range map[string]map[string]string{
		"no annotations": nil,
		"others":         {"a/b": "x", "c": odd},
		"ours too":       {"a/b": "x", key: odd},
	} {
		t.Run(name, func(t *testing.T) {
			s, c := newServer(t, podWith(podUID, ""))
			for k, v := range before {
				s.Annotate("default", "pod1", k, v)
			}
			apply(t, c, get(t, c), appending(odd))
			want := map[string]string{key: strings.TrimSpace(before[key] + " " + odd)}
			for k, v := range before {
				if k != key {
					want[k] = v
				}
			}
			mustHave(t, s, want)
			mustRequest(t, s, "GET", "PATCH")
		})
	}
}

func TestPatchSetsAndRemoves(t *testing.T) {
	s, c := newServer(t, podWith(podUID, `{"a":"1","b":"2","c":"3","d~/e":"4","empty":""}`))
	apply(t, c, get(t, c), func(map[string]string) (map[string]string, []string, error) {
		return map[string]string{"a": "", "new": "5", "c": "3"}, []string{"b", "b", "d~/e", "never", "c", "empty"}, nil
	})
	mustHave(t, s, map[string]string{"a": "", "c": "3", "new": "5"})
	apply(t, c, get(t, c), func(map[string]string) (map[string]string, []string, error) {
		return nil, []string{"a", "c", "new"}, nil
	})
	mustHave(t, s, nil)
	mustRequest(t, s, "GET", "PATCH", "GET", "PATCH")
}

func TestPatchNothing(t *testing.T) {
	s, c := newServer(t, podWith(podUID, `{"a":"1"}`))
	pod := get(t, c)
	for _, m := range []map[string]string{nil, {"a": "1"}} {
		apply(t, c, pod, func(current map[string]string) (map[string]string, []string, error) {
			maps.Copy(current, map[string]string{"a": "scribbled", "b": "on"}) // it has its own copy
			return m, []string{"b"}, nil
		})
	}
	mine := errors.New("mine")
	err := c.PatchAnnotations(within(t, time.Second), pod, func(map[string]string) (map[string]string, []string, error) { return nil, nil, mine })
	if err != mine {
		t.Error(err)
	}
	mustRequest(t, s, "GET")
}

// between does something before the first PATCH is looked at.
func between(s *fakeapi.Server, do func()) {
	var once sync.Once
	s.Hook(func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPatch {
			once.Do(do)
		}
		return false
	})
}

// TestConflicts: what another writer did between our GET and our PATCH is kept,
// and only what concerns us makes us read again.
func TestConflicts(t *testing.T) {
	annotate := func(k, v string) func(*fakeapi.Server) {
		return func(s *fakeapi.Server) { s.Annotate("default", "pod1", k, v) }
	}
	undisturbed, repeated := []string{"GET", "PATCH"}, []string{"GET", "PATCH", "GET", "PATCH"}
	for name, c := range map[string]struct {
		before   string
		do       func(*fakeapi.Server)
		want     map[string]string
		requests []string
	}{
		"changed":            {`{"` + key + `":"a"}`, annotate(key, "b"), map[string]string{key: "b me"}, repeated},
		"created":            {`{"x":"y"}`, annotate(key, "b"), map[string]string{"x": "y", key: "b me"}, repeated},
		"created as empty":   {`{"x":"y"}`, annotate(key, ""), map[string]string{"x": "y", key: "me"}, repeated},
		"created, the first": {``, annotate(key, "b"), map[string]string{key: "b me"}, repeated},
		"another, the first": {``, annotate("x", "y"), map[string]string{"x": "y", key: "me"}, repeated},
		"another":            {`{"x":"y"}`, annotate("z", "z"), map[string]string{"x": "y", "z": "z", key: "me"}, undisturbed},
		"another changed":    {`{"x":"y"}`, annotate("x", "z"), map[string]string{"x": "z", key: "me"}, undisturbed},
		"removed": {`{"` + key + `":"a","x":"y"}`, func(s *fakeapi.Server) {
			s.Edit("default", "pod1", func(pod map[string]any) {
				delete(pod["metadata"].(map[string]any)["annotations"].(map[string]any), key)
			})
		}, map[string]string{"x": "y", key: "me"}, repeated},
		"all removed": {`{"` + key + `":"a"}`, func(s *fakeapi.Server) {
			s.Edit("default", "pod1", func(pod map[string]any) { delete(pod["metadata"].(map[string]any), "annotations") })
		}, map[string]string{key: "me"}, repeated},
		"kubelet's status": {`{"` + key + `":"a"}`, func(s *fakeapi.Server) {
			s.Edit("default", "pod1", func(pod map[string]any) { pod["status"] = map[string]any{"phase": "Running"} })
		}, map[string]string{key: "a me"}, undisturbed},
		"by us already": {`{"` + key + `":"a"}`, annotate(key, "me"), map[string]string{key: "me"}, []string{"GET", "PATCH", "GET"}},
	} {
		t.Run(name, func(t *testing.T) {
			s, client := newServer(t, podWith(podUID, c.before))
			between(s, func() { c.do(s) })
			apply(t, client, get(t, client), func(current map[string]string) (map[string]string, []string, error) {
				if current[key] == "me" {
					return current, nil, nil
				}
				return appending("me")(current)
			})
			mustHave(t, s, c.want)
			mustRequest(t, s, c.requests...)
		})
	}
}

// TestRemoveConflicts: a removal doesn't take what has come in its place.
func TestRemoveConflicts(t *testing.T) {
	s, c := newServer(t, podWith(podUID, `{"`+key+`":"mine"}`))
	between(s, func() { s.Annotate("default", "pod1", key, "successor's") })
	apply(t, c, get(t, c), func(current map[string]string) (map[string]string, []string, error) {
		if current[key] == "mine" {
			return nil, []string{key}, nil
		}
		return nil, nil, nil
	})
	mustHave(t, s, map[string]string{key: "successor's"})
}

func TestPatchReplaced(t *testing.T) {
	for name, annotations := range map[string]string{"same": `{"x":"y"}`, "none": ``} {
		t.Run(name, func(t *testing.T) {
			s, c := newServer(t, podWith(podUID, `{"x":"y"}`))
			between(s, func() { s.Put(podWith(other, annotations)) })
			err := c.PatchAnnotations(within(t, 5*time.Second), get(t, c), appending("me"))
			mustSay(t, err, podUID, other)
			if !errors.Is(err, ErrReplaced) {
				t.Error(err)
			}
			if s.Annotations("default", "pod1")[key] != "" {
				t.Error("the other pod got our annotation")
			}
		})
	}
}

func TestPatchRefused(t *testing.T) {
	for name, c := range map[string]struct {
		prepare  func(*fakeapi.Server)
		is       error
		words    []string
		requests []string
	}{
		"404": {func(s *fakeapi.Server) { s.Delete("default", "pod1") }, ErrNotFound, nil, []string{"GET", "PATCH"}},
		"410": {func(s *fakeapi.Server) { s.Hook(times(9, "PATCH", failing(410))) }, ErrNotFound, nil, []string{"GET", "PATCH"}},
		"gone after a conflict": {func(s *fakeapi.Server) {
			s.Hook(times(1, "PATCH", func(w http.ResponseWriter) { s.Delete("default", "pod1"); failing(409)(w) }))
		}, ErrNotFound, nil, []string{"GET", "PATCH", "GET"}},
		"403": {
			func(s *fakeapi.Server) { s.Deny("patch") }, ErrForbidden,
			[]string{"the kubeconfig's user may not patch pods in namespace default", "grant verb patch on resource pods"},
			[]string{"GET", "PATCH"},
		},
		"422 for good": {
			func(s *fakeapi.Server) { s.Hook(times(9, "PATCH", failing(422))) }, nil,
			[]string{"422", "said the server"},
			[]string{"GET", "PATCH", "GET", "PATCH", "GET"},
		},
		"500 for good": {
			func(s *fakeapi.Server) { s.Hook(times(9, "PATCH", failing(500))) }, ErrUnavailable,
			[]string{"tried 4 times", "500", "said the server"},
			[]string{"GET", "PATCH", "PATCH", "PATCH", "PATCH"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, client := newServer(t, podWith(podUID, `{"x":"y"}`))
			pod := get(t, client)
			c.prepare(s)
			err := client.PatchAnnotations(within(t, 10*time.Second), pod, appending("me"))
			mustSay(t, err, append(c.words, "pod default/pod1")...)
			if c.is != nil && !errors.Is(err, c.is) {
				t.Errorf("%v is not: %v", err, c.is)
			}
			mustRequest(t, s, c.requests...)
		})
	}
}

func TestPatchTooLong(t *testing.T) {
	s, c := newServer(t, podWith(podUID, `{"x":"y"}`))
	err := c.PatchAnnotations(within(t, 5*time.Second), get(t, c), appending(strings.Repeat("x", 257<<10)))
	mustSay(t, err, "Too long")
	mustHave(t, s, map[string]string{"x": "y"})
}

// TestLostAnswer: a patch that was applied, but whose answer never came, isn't
// applied twice.
func TestLostAnswer(t *testing.T) {
	s, c := newServer(t, podWith(podUID, `{"`+key+`":"a"}`))
	pod := get(t, c)
	s.Hook(times(1, "PATCH", func(w http.ResponseWriter) {
		s.Annotate("default", "pod1", key, "a me")
		failing(504)(w)
	}))
	apply(t, c, pod, func(current map[string]string) (map[string]string, []string, error) {
		if strings.HasSuffix(current[key], "me") {
			return nil, nil, nil
		}
		return appending("me")(current)
	})
	mustHave(t, s, map[string]string{key: "a me"})
	mustRequest(t, s, "GET", "PATCH", "PATCH", "GET")
}

// TestConflictsWithoutEnd: somebody changes the annotation each time.
func TestConflictsWithoutEnd(t *testing.T) {
	s, c := newServer(t, podWith(podUID, ""))
	n := 0
	s.Hook(func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPatch {
			n++
			s.Annotate("default", "pod1", key, strconv.Itoa(n))
		}
		return false
	})
	start := time.Now()
	err := c.PatchAnnotations(within(t, 500*time.Millisecond), get(t, c), appending("me"))
	if !errors.Is(err, ErrUnavailable) || time.Since(start) > 2*time.Second || n < 3 {
		t.Errorf("%v after %v and %d conflicts", err, time.Since(start), n)
	}
}

// TestParallel: 50 writers on one pod, and the kubelet, and every entry is there
// in the end.
func TestParallel(t *testing.T) {
	const writers = 50
	for name, before := range map[string]string{"no annotations": "", "some": `{"x":"y"}`} {
		t.Run(name, func(t *testing.T) {
			s, c := newServer(t, podWith(podUID, before))
			stop, stopped := make(chan struct{}), make(chan struct{})
			go func() {
				defer close(stopped)
				for i := 0; ; i++ {
					select {
					case <-stop:
						return
					case <-time.After(time.Millisecond):
						s.Edit("default", "pod1", func(pod map[string]any) { pod["status"] = map[string]any{"n": i} })
					}
				}
			}()
			var group sync.WaitGroup
			for i := range writers {
				group.Go(func() {
					ctx := within(t, 60*time.Second)
					pod, err := c.Pod(ctx, theRef)
					if err == nil {
						err = c.PatchAnnotations(ctx, pod, appending(fmt.Sprint("w", i)))
					}
					if err != nil {
						t.Error(err)
					}
				})
			}
			group.Wait()
			close(stop)
			<-stopped
			got := map[string]int{}
			for _, word := range strings.Fields(s.Annotations("default", "pod1")[key]) {
				got[word]++
			}
			for i := range writers {
				if got[fmt.Sprint("w", i)] != 1 {
					t.Errorf("w%d is there %d times", i, got[fmt.Sprint("w", i)])
				}
			}
			if len(got) != writers {
				t.Errorf("%d entries", len(got))
			}
			t.Logf("%d requests", len(s.Requests()))
		})
	}
}
