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
		attached := u.attached()
		if attached == nil || u.Force {
			break
		}
		u.wait(attached)
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
	if err := u.remove(); err != nil {
		u.wait(err)
		return err
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

// attached names the pods that need the plugin to end; nil: there are none.
func (u *Uninstaller) attached() error {
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

// remove leaves what an administrator has made, such as the node settings, and the
// directories that are mounted here.
func (u *Uninstaller) remove() error {
	var failed []error
	for _, path := range []string{u.program(), u.kubeconfig()} {
		failed = append(failed, unlessAbsent(os.Remove(path)), removeDrafts(path))
	}
	failed = append(failed, state.Clear(u.RecordsDir), removeEmpty(u.SharedDir))
	if err := errors.Join(failed...); err != nil {
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
