package usrspapp

import (
	"context"
	"fmt"
	"time"
)

// pollInterval is how often the app looks for what it waits for: often enough
// to cost a pod's start nothing that counts.
const pollInterval = 10 * time.Millisecond

// pause waits, and tells whether the context is still alive afterwards.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// waitForContract returns once there is an entry. All of a pod's networks are
// attached before its containers start.
func (c *companion) waitForContract(ctx context.Context) error {
	for waited := false; ; waited = true {
		damaged := c.read()
		if len(c.entries) > 0 {
			return nil
		}
		if damaged != nil {
			return damaged
		}
		if !waited {
			c.Log.Info("waiting for the contract", "sharedDir", c.SharedDir)
		}
		if !pause(ctx, pollInterval) {
			return fmt.Errorf("no contract in %s after %s (is the pod's shared directory mounted there? did the CNI plugin's ADD succeed?): %w",
				c.SharedDir, c.Timeout, context.Cause(ctx))
		}
	}
}
