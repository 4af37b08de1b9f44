package e2e

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/userspace-cni/userspace-cni/test/e2e/cluster"
)

// TestRights takes from the plugin's account the verb patch: the pod's event names
// it. Once it is granted again, the pod starts.
func TestRights(t *testing.T) {
	clean(t)
	account, err := account()
	if err != nil {
		t.Fatal(err)
	}
	apply(t, strings.Replace(account, "[get, patch]", "[get]", 1))
	t.Cleanup(func() {
		if err := cluster.Apply(context.Background(), account); err != nil {
			t.Error(err)
		}
	})
	apply(t, definition(t, simple("blue", "7", "10.70.0.0/16")), simplePod("pod-1", "blue"))
	const want = "grant verb patch on resource pods"
	wait(t, startLimit, "event that names the verb", func(ctx context.Context) error {
		said := events(ctx, "pod-1")
		for line := range strings.SplitSeq(said, "\n") {
			if strings.Contains(line, want) {
				t.Log(line)
				return nil
			}
		}
		return errors.New(said)
	})
	apply(t, account)
	ready(t, 1)
}

// TestStolenToken does with the plugin's token what the plugin doesn't.
func TestStolenToken(t *testing.T) {
	clean(t)
	here, elsewhere := simplePod("here", "", "/bin/sleep", "2147483647"), simplePod("elsewhere", "")
	here.Annotations, elsewhere.Annotations = map[string]string{"other": "as it was"}, nil
	elsewhere.Spec.NodeName = "node-2" // there is none: the pod stays as it is
	apply(t, here, elsewhere)
	t.Cleanup(func() { // no kubelet does
		_, err := cluster.Kubectl(context.Background(), "", "delete", "pod", "elsewhere", "--force", "--grace-period=0", "--ignore-not-found")
		if err != nil {
			t.Error(err)
		}
	})
	wait(t, startLimit, "pod here on the node", func(ctx context.Context) error {
		var pod corev1.Pod
		if err := node.Get(ctx, podsPath+"/here", &pod); err != nil {
			return err
		}
		if pod.Spec.NodeName == "" {
			return errors.New("not yet")
		}
		return nil
	})
	stolen, err1 := clientcmd.LoadFromFile(pluginKubeconfig)
	unbound, err2 := node.Token(t.Context(), "userspace")
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	bound := stolen.AuthInfos["userspace"].Token
	metadata := func(field string, value any) map[string]any {
		return map[string]any{"metadata": map[string]any{field: value}}
	}
	annotate := func(key string, value any) map[string]any {
		return metadata("annotations", map[string]any{key: value})
	}
	const ours = "userspace/configuration-data"
	// The policy isn't there the moment that it is made.
	wait(t, startLimit, "policy at work", func(ctx context.Context) error {
		if err := cluster.As(ctx, unbound, http.MethodPatch, podsPath+"/here", annotate(ours, "x"), nil); err == nil {
			return errors.New("a token that is bound to no node may change a pod")
		}
		return nil
	})
	for _, try := range []struct {
		what, token, method, path string
		body                      any
		refused                   string // empty: it is allowed
	}{
		{"our annotation", bound, http.MethodPatch, podsPath + "/here", annotate(ours, "[]"), ""},
		{"our annotation removed", bound, http.MethodPatch, podsPath + "/here", annotate(ours, nil), ""},
		{"our annotation, the token bound to no node", unbound, http.MethodPatch, podsPath + "/here", annotate(ours, "[]"), "bound to no node"},
		{"our annotation on a pod of another node", bound, http.MethodPatch, podsPath + "/elsewhere", annotate(ours, "[]"), "may not change a pod of another"},
		{"a new annotation", bound, http.MethodPatch, podsPath + "/here", annotate("new", "x"), "no annotation but"},
		{"another annotation changed", bound, http.MethodPatch, podsPath + "/here", annotate("other", "x"), "no annotation but"},
		{"another annotation removed", bound, http.MethodPatch, podsPath + "/here", annotate("other", nil), "no annotation but"},
		{"a label", bound, http.MethodPatch, podsPath + "/here", map[string]any{"metadata": map[string]any{"labels": map[string]any{"a": "b"}}}, "and nothing else"},
		{"the deadline", bound, http.MethodPatch, podsPath + "/here", map[string]any{"spec": map[string]any{"activeDeadlineSeconds": 1}}, "and nothing else"},
		{"the status", bound, http.MethodPatch, podsPath + "/here/status", map[string]any{"status": map[string]any{"phase": "Failed"}}, "pods/status"},
		{"a finalizer", bound, http.MethodPatch, podsPath + "/here", metadata("finalizers", []string{"example.com/kept"}), "and nothing else"},
		{"an owner", bound, http.MethodPatch, podsPath + "/here", metadata("ownerReferences", []any{map[string]any{
			"apiVersion": "v1", "kind": "ConfigMap", "name": "none", "uid": "none",
		}}), "and nothing else"},
		{"an ephemeral container", bound, http.MethodPatch, podsPath + "/here/ephemeralcontainers", map[string]any{"spec": map[string]any{
			"ephemeralContainers": []any{map[string]any{"name": "intruder", "image": "intruder"}},
		}}, "pods/ephemeralcontainers"},
		{"an eviction", bound, http.MethodPost, podsPath + "/here/eviction", map[string]any{
			"apiVersion": "policy/v1", "kind": "Eviction", "metadata": map[string]any{"name": "here"},
		}, "pods/eviction"},
		{"a binding", bound, http.MethodPost, podsPath + "/elsewhere/binding", map[string]any{
			"apiVersion": "v1", "kind": "Binding", "metadata": map[string]any{"name": "elsewhere"}, "target": map[string]any{"kind": "Node", "name": "node-1"},
		}, "pods/binding"},
		{"a pod made", bound, http.MethodPost, podsPath, simplePod("made", ""), "cannot create"},
		{"the pod replaced", bound, http.MethodPut, podsPath + "/here", here, "cannot update"},
		{"a token made", bound, http.MethodPost, "/api/v1/namespaces/kube-system/serviceaccounts/userspace/token", map[string]any{
			"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": map[string]any{},
		}, "serviceaccounts/token"},
		{"the pod deleted", bound, http.MethodDelete, podsPath + "/here", nil, "cannot delete"},
		{"all pods listed", bound, http.MethodGet, podsPath, nil, "cannot list"},
		{"secrets read", bound, http.MethodGet, "/api/v1/namespaces/kube-system/secrets", nil, "cannot list"},
	} {
		err := cluster.As(t.Context(), try.token, try.method, try.path, try.body, nil)
		switch {
		case try.refused == "" && err != nil:
			t.Errorf("%s: refused: %v", try.what, err)
		case try.refused == "":
			t.Logf("%s: allowed", try.what)
		case err == nil || !strings.Contains(err.Error(), try.refused):
			t.Errorf("%s: %v, want it refused with %q", try.what, err, try.refused)
		default:
			t.Logf("%s: refused", try.what)
		}
	}
}
