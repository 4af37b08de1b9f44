package usrspapp

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"github.com/userspace-cni/userspace-cni/pkg/contract"
	"github.com/userspace-cni/userspace-cni/pkg/podinfo"
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

// waitForContract returns the entries of all networks once there is one. All of
// a pod's networks are attached before its containers start.
func (a *App) waitForContract(ctx context.Context) ([]numbered, error) {
	for waited := false; ; waited = true {
		entries, err := a.readContract()
		if err != nil {
			return nil, err
		}
		if len(entries) > 0 {
			return a.number(entries), nil
		}
		if !waited {
			a.Log.Info("waiting for the contract", "sharedDir", a.SharedDir)
		}
		if !pause(ctx, pollInterval) {
			return nil, fmt.Errorf("no contract in %s after %s (is the pod's shared directory mounted there? did the CNI plugin's ADD succeed?): %w",
				a.SharedDir, a.Timeout, context.Cause(ctx))
		}
	}
}

// readContract reads the entries in the shared directory and those in the
// pod's annotations, which the kubelet delivers later. Where both have one, the
// file counts: it alone may hold a secret.
func (a *App) readContract() ([]contract.Entry, error) {
	entries, err := contract.ReadDir(a.SharedDir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("contract: %w", err)
	}
	annotations, err := podinfo.Read(a.PodInfo)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("pod annotations: %w", err)
	}
	for _, entry := range annotations.Entries {
		known := slices.ContainsFunc(entries, func(e contract.Entry) bool { return e.Attachment() == entry.Attachment() })
		if !known {
			entries = append(entries, entry)
		}
	}
	contract.Sort(entries)
	return entries, nil
}
