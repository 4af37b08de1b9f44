package e2e

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestAgent kills the node's VPP: the agent makes the pods' endpoints again, says
// so on the pods, and they ping.
func TestAgent(t *testing.T) {
	clean(t)
	startPods(t, 2)
	connected(t, "pod-1", 1)
	to := statusOf(t, getPod(t, "pod-2"))[1].IPs[0]
	ping(t, "pod-1", to)

	if err := errors.Join(host.Kill(), host.Start()); err != nil {
		t.Fatal(err)
	}
	wait(t, time.Minute, "events of restored endpoints", func(ctx context.Context) error {
		for _, pod := range []string{"pod-1", "pod-2"} {
			if said := events(ctx, pod); !strings.Contains(said, "EndpointRestored") {
				return errors.New(said)
			}
		}
		return nil
	})
	connected(t, "pod-1", 1)
	connected(t, "pod-2", 1)
	ping(t, "pod-1", to)
	said := strings.Split(events(t.Context(), "pod-1"), "\n")
	said = slices.DeleteFunc(said, func(line string) bool { return !strings.HasPrefix(line, "Endpoint") })
	t.Logf("VPP was killed and started again; pod-1: %s", strings.Join(said, "; "))
	deletePods(t)
}
