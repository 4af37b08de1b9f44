package kube

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Mutate computes from a pod's annotations (nil: none) those to set and those to
// remove. It may look only at the ones that it sets or removes: if any of these
// is changed by somebody else, it is called again.
type Mutate func(current map[string]string) (set map[string]string, remove []string, err error)

// PatchAnnotations changes annotations of the pod as it was read. One patch does
// it, which the server applies only if the pod still is the same (by its UID)
// and the changed annotations still are what mutate was given; the kubelet's
// writes, which change the pod's resourceVersion all the time, don't disturb it.
// Otherwise the pod is read again and mutate called again, until the context
// ends. Nothing is sent where nothing changes.
//
// It returns ErrNotFound and ErrReplaced where the pod is gone, and errors of
// mutate as they are.
func (c *Client) PatchAnnotations(ctx context.Context, pod *Pod, mutate Mutate) error {
	ctx, cancel := limited(ctx)
	defer cancel()
	if err := pod.check(); err != nil {
		return err
	}
	delay := firstConflictDelay
	invalid := false
	for {
		p, err := newPatch(pod, mutate)
		if err != nil || p == nil {
			return err
		}
		refusal := c.sendPatch(ctx, pod.Ref, p)
		if !conflict(refusal) {
			return c.explain(ctx, "patch", pod.Ref, refusal)
		}
		// Before reading, not after: what was read must be fresh when it is patched.
		if sleep(ctx, jitter(delay)) != nil {
			return fmt.Errorf("patch pod %s/%s: %w: others kept changing the same annotations until the call's deadline: %w",
				pod.Namespace, pod.Name, ErrUnavailable, refusal)
		}
		fresh, err := c.Pod(ctx, pod.Ref)
		if err != nil {
			return err
		}
		// Once it may have been changed and changed back.
		if is(refusal, http.StatusUnprocessableEntity) && p.fits(fresh) {
			if invalid {
				return c.explain(ctx, "patch", pod.Ref, refusal)
			}
			invalid = true
		}
		pod = fresh
		delay = min(2*delay, maxConflictDelay)
	}
}

const (
	firstConflictDelay = 5 * time.Millisecond
	maxConflictDelay   = 200 * time.Millisecond
)

func (c *Client) sendPatch(ctx context.Context, ref Ref, p *patch) error {
	body, err := json.Marshal(p.operations)
	if err != nil {
		return err
	}
	_, err = c.send(ctx, request{http.MethodPatch, ref.path(), "application/json-patch+json", body})
	return err
}

// operation is one of a JSON patch (RFC 6902).
type operation struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value,omitempty"`
}

// absent is the value of a test that passes where there is nothing: the library
// that every API server applies patches with (gopkg.in/evanphx/json-patch.v4)
// takes a null for it. RFC 6902 has no such test.
var absent = json.RawMessage("null")

const annotationsPath = "/metadata/annotations"

// patch is what changes a pod's annotations.
type patch struct {
	operations []operation
	// tested are the annotations as they were, nil for those that weren't there.
	tested map[string]*string
	// first says that the pod had no annotations at all.
	first bool
}

// newPatch returns nil where there is nothing to change.
func newPatch(pod *Pod, mutate Mutate) (*patch, error) {
	set, remove, err := mutate(maps.Clone(pod.Annotations))
	if err != nil {
		return nil, err
	}
	p := &patch{tested: map[string]*string{}, first: pod.Annotations == nil}
	p.add("test", "/metadata/uid", pod.UID)
	before := len(p.operations)
	for _, key := range slices.Sorted(maps.Keys(set)) {
		if old, ok := pod.Annotations[key]; !ok || old != set[key] {
			p.test(pod, key)
			p.add("add", pathOf(key), set[key])
		}
	}
	for _, key := range slices.Sorted(slices.Values(remove)) {
		_, there := pod.Annotations[key]
		if _, again := set[key]; there && !again && p.tested[key] == nil {
			p.test(pod, key)
			p.add("remove", pathOf(key), nil)
		}
	}
	if len(p.operations) == before {
		return nil, nil
	}
	if p.first {
		p.operations = slices.Insert(p.operations, before,
			operation{"test", annotationsPath, absent}, operation{"add", annotationsPath, struct{}{}})
	}
	return p, nil
}

func (p *patch) add(op, path string, value any) {
	p.operations = append(p.operations, operation{op, path, value})
}

// test makes the patch fail unless the annotation is as it was read.
func (p *patch) test(pod *Pod, key string) {
	if old, ok := pod.Annotations[key]; ok {
		p.tested[key] = &old
		p.add("test", pathOf(key), old)
		return
	}
	p.tested[key] = nil
	p.add("test", pathOf(key), absent)
}

// fits tells whether a pod passes the patch's tests; its UID has been looked at.
func (p *patch) fits(pod *Pod) bool {
	if p.first && pod.Annotations != nil {
		return false
	}
	for key, old := range p.tested {
		now, ok := pod.Annotations[key]
		if ok != (old != nil) || ok && now != *old {
			return false
		}
	}
	return true
}

// pathOf is an annotation's JSON pointer (RFC 6901).
func pathOf(key string) string {
	return annotationsPath + "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(key)
}
