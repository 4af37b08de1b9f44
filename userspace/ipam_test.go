package userspace

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/containernetworking/cni/pkg/types"
)

// TestIPAMHangs: a plugin that doesn't end is ended with the call's time, even
// if it has started something that lives on with its stdout.
func TestIPAMHangs(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("CNI_PATH", dir)
	for name, script := range map[string]string{
		"itself":     "exec sleep 20",
		"with child": "sleep 20; true",
	} {
		if err := os.WriteFile(filepath.Join(dir, "slow"), []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		started := time.Now()
		_, err := DelegatedIPAM{}.Add(ctx, "slow", []byte(`{"cniVersion":"1.1.0"}`))
		if took := time.Since(started); took > 5*time.Second {
			t.Errorf("%s: ended after %s", name, took)
		}
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "IPAM plugin slow") {
			t.Errorf("%s: %v", name, err)
		}
		if got := code(err); got != types.ErrTryAgainLater {
			t.Errorf("%s: code %d", name, got)
		}
	}
}
