package e2e

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/userspace-cni/userspace-cni/pkg/contract"
	"github.com/userspace-cni/userspace-cni/pkg/state"
	"github.com/userspace-cni/userspace-cni/test/e2e/cluster"
)

// entriesOf are what the plugin says of a pod in its annotation.
func entriesOf(pod *corev1.Pod) ([]contract.Entry, error) {
	text := pod.Annotations[contract.AnnotationData]
	if text == "" {
		return nil, nil
	}
	return contract.ParseList([]byte(text))
}

// entryOf is the only entry of a pod.
func entryOf(ctx context.Context, name string) (entry contract.Entry, err error) {
	var pod corev1.Pod
	if err := node.Get(ctx, podsPath+"/"+name, &pod); err != nil {
		return entry, err
	}
	all, err := entriesOf(&pod)
	if err != nil {
		return entry, err
	}
	if len(all) != 1 {
		return entry, fmt.Errorf("%s: annotation %+v, want one entry", name, all)
	}
	return all[0], nil
}

// TestSandbox kills the process that holds a pod's namespaces: the kubelet makes
// another sandbox, the annotation says so, the pod pings, and of the old sandbox
// nothing is left.
func TestSandbox(t *testing.T) {
	clean(t)
	startPods(t, 2)
	connected(t, "pod-1", 1)
	to := statusOf(t, getPod(t, "pod-2"))[1].IPs[0]
	ping(t, "pod-1", to)
	old, err := entryOf(t.Context(), "pod-1")
	if err == nil {
		err = cluster.KillSandbox(t.Context(), old.ContainerID)
	}
	if err != nil {
		t.Fatal(err)
	}
	var entry contract.Entry
	wait(t, startLimit, "annotation of the new sandbox", func(ctx context.Context) error {
		if entry, err = entryOf(ctx, "pod-1"); err == nil && entry.ContainerID == old.ContainerID {
			err = fmt.Errorf("still of container %s: %s", old.ContainerID, events(ctx, "pod-1"))
		}
		return err
	})
	ready(t, 2)
	connected(t, "pod-1", 1)
	ping(t, "pod-1", to)
	status := statusOf(t, getPod(t, "pod-1"))[1]
	if said := fmt.Sprint(entry.IPResult); !strings.Contains(said, status.IPs[0]) {
		t.Errorf("annotation %+v, network-status %+v", entry, status)
	}
	ping(t, "pod-2", status.IPs[0])
	t.Logf("sandbox %.12s was killed; pod-1 is in %.12s, and pings with %s", old.ContainerID, entry.ContainerID, status.IPs[0])

	wait(t, startLimit, "nothing left of the old sandbox", func(context.Context) error { return mentions(old.ContainerID) })
	objects, err := host.Left()
	if err != nil {
		t.Fatal(err)
	}
	if count := strings.Count(objects, "interface memif"); count != 2 {
		t.Errorf("%d interfaces on the node's VPP, want one for each pod:\n%s", count, objects)
	}
}

// mentions says which of the files that are kept of containers are of this one.
func mentions(container string) error {
	var found []error
	for _, dir := range []string{state.DefaultDir, "/var/lib/cni"} {
		found = append(found, filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || !entry.Type().IsRegular() {
				return err
			}
			text := path
			if filepath.Base(filepath.Dir(path)) != "results" { // there containerd keeps what the annotations were
				data, err := os.ReadFile(path)
				if err != nil {
					return err
				}
				text += ": " + string(data)
			}
			if strings.Contains(text, container) {
				return errors.New(text)
			}
			return nil
		}))
	}
	return errors.Join(found...)
}
