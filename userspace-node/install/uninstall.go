package install

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/userspace-cni/userspace-cni/pkg/state"
)

// Uninstaller takes the plugin off a node.
type Uninstaller struct {
	Place
	// Program is the plugin, for a pod that is attached at the last moment.
	Program string
	// SharedDir is the plugin's own, in which pods without a volume have theirs. It
	// goes when it is empty.
	SharedDir string
	// Force doesn't wait for the pods that are attached: without the plugin, the
	// kubelet can't end them.
	Force bool
	// Interval is how often it is looked for them.
	Interval time.Duration
	Log      *slog.Logger

	mu      sync.Mutex // guards waiting
	waiting error      // nil: done
}

// errNotYet is what holds before the first look.
var errNotYet = errors.New("waiting for the installer of this node to end")

// Run returns once the plugin is off the node, or the context has ended.
func (u *Uninstaller) Run(ctx context.Context) error {
	u.mu.Lock()
	u.waiting = errNotYet
	u.mu.Unlock()
	unlock, err := u.lock(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	defer unlock()
	ticker := time.NewTicker(u.Interval)
	defer ticker.Stop()
	for {
		why, err := u.step()
		if err != nil {
			u.wait(err)
			return err
		}
		if why == nil {
			break
		}
		u.wait(why)
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
	u.wait(nil)
	u.Log.Info("the plugin is off this node")
	return nil
}

// Done returns nil once the plugin is off the node, and before what is waited for.
func (u *Uninstaller) Done() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.waiting
}

func (u *Uninstaller) wait(why error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if why != nil && (u.waiting == nil || why.Error() != u.waiting.Error()) {
		u.Log.Info("not yet", "why", why)
	}
	u.waiting = why
}

// errCalls: one of them may attach a pod.
var errCalls = errors.New("waiting for calls of the plugin to end")

// step takes the plugin away once no pod needs it: first the program, so that no call
// begins, and what calls leave when the last has ended. Where one of these has attached
// a pod, the program comes back. It returns what is waited for; nil: all is gone.
func (u *Uninstaller) step() (why, err error) {
	if why := u.attached(); why != nil {
		return why, u.keepProgram()
	}
	if err := unlessAbsent(os.Remove(u.program())); err != nil {
		return nil, fmt.Errorf("remove the plugin: %w", err)
	}
	busy, err := u.locks().Busy(lockName)
	switch {
	case err != nil:
		return nil, err
	case busy:
		return errCalls, nil
	}
	if why := u.attached(); why != nil {
		return why, u.keepProgram()
	}
	return nil, u.remove()
}

// keepProgram puts it back where it is needed after all.
func (u *Uninstaller) keepProgram() error {
	if _, err := os.Lstat(u.program()); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	_, err := replaceByCopy(u.program(), u.Program, programMode)
	return err
}

// attached names the pods that need the plugin to end; nil: there are none, or they
// are not waited for.
func (u *Uninstaller) attached() error {
	if u.Force {
		return nil
	}
	records, damaged := state.Files{Dir: u.RecordsDir}.List()
	var who []string
	for _, r := range records {
		name := "container " + r.ContainerID
		if r.Pod != nil {
			name = r.Pod.Namespace + "/" + r.Pod.Name
		}
		who = append(who, name)
	}
	slices.Sort(who)
	who = slices.Compact(who)
	switch {
	case len(who) > 0:
		return fmt.Errorf("waiting for %d pods to end, which the plugin attached: %s", len(who), strings.Join(who, ", "))
	case len(damaged) > 0:
		return fmt.Errorf("waiting for %d attachments to be removed, whose records can't be read: %w", len(damaged), errors.Join(damaged...))
	}
	return nil
}

// remove takes away what is left beside the program. It leaves what an administrator
// has made, such as the node settings, and the directories that are mounted here.
func (u *Uninstaller) remove() error {
	err := errors.Join(
		removeDrafts(u.program()), removeDrafts(u.kubeconfig()), unlessAbsent(os.Remove(u.kubeconfig())),
		state.Clear(u.RecordsDir), removeEmpty(u.SharedDir))
	if err != nil {
		return fmt.Errorf("remove the plugin: %w", err)
	}
	return nil
}

// removeEmpty leaves a directory in which somebody has something.
func removeEmpty(dir string) error {
	err := unlessAbsent(os.Remove(dir))
	if errors.Is(err, fs.ErrExist) { // which ENOTEMPTY is
		return nil
	}
	return err
}

func unlessAbsent(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
