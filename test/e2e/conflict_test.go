package e2e

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/userspace-cni/userspace-cni/test/e2e/cluster"
)

// writer changes annotations and labels of all pods, over and over. It replaces the
// whole pod, as controllers do that know of no patches: when somebody else was
// faster it reads the pod again.
type writer struct {
	// wrote are its annotations, by pod.
	wrote          map[string]map[string]string
	writes, beaten int
	done           chan struct{}
	err            error // once done is closed
}

// startWriter starts one, until the context ends.
func startWriter(ctx context.Context) *writer {
	w := &writer{wrote: map[string]map[string]string{}, done: make(chan struct{})}
	go func() {
		defer close(w.done)
		for w.err == nil && ctx.Err() == nil {
			w.err = w.round()
		}
	}()
	return w
}

// round changes each pod once.
func (w *writer) round() error {
	var list struct {
		Items []struct{ Metadata struct{ Name string } }
	}
	ctx := context.Background() // an interrupted write may have been done
	if err := node.Get(ctx, podsPath, &list); err != nil {
		return err
	}
	for _, pod := range list.Items {
		if err := w.change(ctx, pod.Metadata.Name); err != nil {
			return err
		}
	}
	return nil
}

// change gives a pod one more annotation, and changes another and a label.
func (w *writer) change(ctx context.Context, name string) error {
	for {
		var pod map[string]any
		err := node.Get(ctx, podsPath+"/"+name, &pod)
		if isStatus(err, http.StatusNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		metadata := pod["metadata"].(map[string]any)
		w.writes++
		count := strconv.Itoa(w.writes)
		set(metadata, "annotations", "writer/last", count)
		set(metadata, "annotations", "writer/"+count, count)
		set(metadata, "labels", "writer", count)
		switch err = node.Put(ctx, podsPath+"/"+name, pod); {
		case isStatus(err, http.StatusConflict):
			w.beaten++
			continue
		case isStatus(err, http.StatusNotFound):
			return nil
		case err != nil:
			return err
		}
		key := name + " " + fmt.Sprint(metadata["uid"])
		if w.wrote[key] == nil {
			w.wrote[key] = map[string]string{}
		}
		w.wrote[key]["writer/last"], w.wrote[key]["writer/"+count] = count, count
		return nil
	}
}

func set(metadata map[string]any, field, key, value string) {
	all, ok := metadata[field].(map[string]any)
	if !ok {
		all = map[string]any{}
		metadata[field] = all
	}
	all[key] = value
}

func isStatus(err error, code int) bool {
	status := new(cluster.Status)
	return errors.As(err, &status) && status.Code == code
}

// TestConflict starts 50 pods with two networks each at once, twice, while another
// writer changes annotations and labels of all of them all the time: none of its
// annotations is lost, and those of the plugin are right.
func TestConflict(t *testing.T) {
	clean(t)
	const pods = 50
	grace := int64(1)
	apply(t, definition(t, simple("blue", "7", "10.70.0.0/16")), definition(t, simple("green", "8", "10.80.0.0/16")))
	for round := range 2 {
		var all []any
		for i := range pods {
			pod := simplePod(fmt.Sprintf("busy-%d", i), "blue,green", "/bin/sleep", "2147483647")
			pod.Spec.TerminationGracePeriodSeconds = &grace // so that it is there during DEL
			all = append(all, pod)
		}
		begin := time.Now()
		ctx, stop := context.WithCancel(t.Context())
		w := startWriter(ctx)
		t.Cleanup(func() { stop(); <-w.done })
		apply(t, all...)
		ready(t, pods)
		up := time.Since(begin)
		stop()
		if <-w.done; w.err != nil {
			t.Fatal(w.err)
		}
		checkWritten(t, w)
		checkMany(t, pods)

		ctx, stop = context.WithCancel(t.Context())
		during := startWriter(ctx)
		t.Cleanup(func() { stop(); <-during.done })
		deletePods(t)
		stop()
		if <-during.done; during.err != nil {
			t.Fatal(during.err)
		}
		nothingLeft(t)
		t.Logf("round %d: %d pods with two networks each were ready after %.1f s; the other writer changed pods %d times, and was beaten to it %d times; %d times while they were deleted",
			round+1, pods, up.Seconds(), w.writes-w.beaten, w.beaten, during.writes-during.beaten)
	}
}

// checkWritten checks that every pod has what the writer wrote, and an entry of the
// plugin for each network that says what Multus says.
func checkWritten(t *testing.T, w *writer) {
	t.Helper()
	var list corev1.PodList
	if err := node.Get(t.Context(), podsPath, &list); err != nil {
		t.Fatal(err)
	}
	checked := 0
	for _, pod := range list.Items {
		for key, value := range w.wrote[pod.Name+" "+string(pod.UID)] {
			if pod.Annotations[key] != value {
				t.Errorf("%s: annotation %s=%q, want %q", pod.Name, key, pod.Annotations[key], value)
			}
			checked++
		}
		checkEntries(t, &pod)
	}
	t.Logf("%d annotations of the other writer are there", checked)
	if checked < len(list.Items) {
		t.Errorf("the other writer wrote no more than %d annotations", checked)
	}
}

// checkEntries checks that the plugin says the same of a pod as Multus.
func checkEntries(t *testing.T, pod *corev1.Pod) {
	t.Helper()
	entries, err := entriesOf(pod)
	if err != nil {
		t.Fatal(err)
	}
	status := statusOf(t, pod)[1:]
	if len(entries) != len(status) {
		t.Errorf("%s: %d entries in the annotation, %d networks in network-status", pod.Name, len(entries), len(status))
		return
	}
	for _, network := range status {
		found := false
		for _, entry := range entries {
			found = found || entry.IfName == network.Interface && "default/"+entry.Name == network.Name &&
				entry.ContainerID == entries[0].ContainerID && strings.Contains(fmt.Sprint(entry.IPResult), network.IPs[0])
		}
		if !found {
			t.Errorf("%s: no entry of %+v in the annotation: %+v", pod.Name, network, entries)
		}
	}
}
