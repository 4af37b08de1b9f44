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
//
// What can't be read beside it is returned as damaged.
func (a *App) waitForContract(ctx context.Context) (all []numbered, damaged, err error) {
	for waited := false; ; waited = true {
		entries, damaged := a.readContract()
		if len(entries) > 0 {
			return a.number(entries), damaged, nil
		}
		if damaged != nil {
			return nil, nil, damaged
		}
		if !waited {
			a.Log.Info("waiting for the contract", "sharedDir", a.SharedDir)
		}
		if !pause(ctx, pollInterval) {
			return nil, nil, fmt.Errorf("no contract in %s after %s (is the pod's shared directory mounted there? did the CNI plugin's ADD succeed?): %w",
				a.SharedDir, a.Timeout, context.Cause(ctx))
		}
	}
}

// readContract reads the entries in the shared directory and those in the
// pod's annotations, which the kubelet delivers later. Where both have one, the
// file counts: it alone may hold a secret. The error is about what can't be
// read; the rest is returned all the same.
func (a *App) readContract() ([]contract.Entry, error) {
	entries, fileErr := contract.ReadDir(a.SharedDir)
	annotations, podErr := podinfo.Read(a.PodInfo)
	for _, entry := range annotations.Entries {
		known := slices.ContainsFunc(entries, func(e contract.Entry) bool { return e.Attachment() == entry.Attachment() })
		if !known {
			entries = append(entries, entry)
		}
	}
	contract.Sort(entries)
	return entries, errors.Join(unlessMissing("contract", fileErr), unlessMissing("pod annotations", podErr))
}

func unlessMissing(what string, err error) error {
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}
