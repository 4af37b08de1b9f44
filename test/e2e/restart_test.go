package e2e

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/userspace-cni/userspace-cni/test/e2e/cluster"
)

// service is one of those of a node that are stopped and started again.
type service struct {
	name        string
	stop, start func() error
}

func services() []service {
	of := func(name string, p *cluster.Program) service {
		return service{name, func() error { p.Stop(); return nil }, p.Start}
	}
	return []service{of("kubelet", node.Kubelet), of("containerd", node.Containerd), {"VPP", host.Kill, host.Start}}
}

// reviveLater has what a failed test leaves stopped started again before anything is
// cleaned up.
func reviveLater(t *testing.T) {
	t.Helper()
	t.Cleanup(func() {
		err := errors.Join(node.Containerd.Revive(), node.Kubelet.Revive())
		select {
		case <-host.Exited():
			err = errors.Join(err, host.Start())
		default:
		}
		if err != nil {
			t.Error(err)
		}
	})
}

// TestRestarts stops the kubelet, containerd and VPP, and starts them again in the
// same order, in every order: each time the pods ping again, and in the end nothing
// is left of them.
func TestRestarts(t *testing.T) {
	clean(t)
	startPods(t, 2)
	connected(t, "pod-1", 1)
	reviveLater(t)
	for _, order := range orders(services()) {
		var names []string
		for _, service := range order {
			names = append(names, service.name)
			if err := service.stop(); err != nil {
				t.Fatalf("stop %s: %v", service.name, err)
			}
		}
		for _, service := range order {
			if err := service.start(); err != nil {
				t.Fatalf("start %s: %v", service.name, err)
			}
		}
		t.Logf("%s: %s", strings.Join(names, ", "), pingAgain(t))
	}
	deletePods(t)
}

// orders are all orders of some services.
func orders(of []service) (all [][]service) {
	if len(of) == 0 {
		return [][]service{nil}
	}
	for i, first := range of {
		rest := append(append([]service{}, of[:i]...), of[i+1:]...)
		for _, order := range orders(rest) {
			all = append(all, append([]service{first}, order...))
		}
	}
	return all
}

// pingAgain waits until the two pods ping one another after a restart, and says what
// has become of their sandboxes.
func pingAgain(t *testing.T) string {
	t.Helper()
	var said []string
	for i, name := range []string{"pod-1", "pod-2"} {
		to := []string{"pod-2", "pod-1"}[i]
		wait(t, startLimit, name+" pings "+to, func(ctx context.Context) error {
			if err := node.Kubelet.Revive(); err != nil {
				return err
			}
			entry, err := entryOf(ctx, to)
			if err != nil {
				return err
			}
			_, err = inPod(ctx, name, "usrsp-app", "ping", entry.IPResult.IPs[0].Address.Addr().String(), "--count=1", "--settle=5s")
			return errors.Join(err, ctx.Err())
		})
		entry, err := entryOf(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		said = append(said, fmt.Sprintf("%s pings, in sandbox %.12s", name, entry.ContainerID))
	}
	ready(t, 2)
	return strings.Join(said, "; ")
}

// TestReboot loses what a node that loses its power loses: every process, mount,
// interface and file that isn't on a disk. The pods come back and ping, and nothing
// is left of what they had.
func TestReboot(t *testing.T) {
	clean(t)
	startPods(t, 2)
	connected(t, "pod-1", 1)
	reviveLater(t)
	old, err := entryOf(t.Context(), "pod-1")
	if err != nil {
		t.Fatal(err)
	}
	all := services()
	for _, service := range all {
		if err := service.stop(); err != nil {
			t.Fatal(err)
		}
	}
	if err := cluster.LosePower(); err != nil {
		t.Fatal(err)
	}
	for i := range all { // VPP first, the kubelet last
		if err := all[len(all)-1-i].start(); err != nil {
			t.Fatal(err)
		}
	}
	wait(t, startLimit, "another sandbox", func(ctx context.Context) error {
		if err := node.Kubelet.Revive(); err != nil {
			return err
		}
		entry, err := entryOf(ctx, "pod-1")
		if err == nil && entry.ContainerID == old.ContainerID {
			err = errors.New(events(ctx, "pod-1"))
		}
		return err
	})
	t.Log("after a power cut: ", pingAgain(t))
	deletePods(t)
}
