package install

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/userspace-cni/userspace-cni/pkg/nodeconf"
	"github.com/userspace-cni/userspace-cni/pkg/state"
)

// lockName is the lock between installers.
const lockName = "installer"

// Place is where the plugin is on a node.
type Place struct {
	// BinDir is the node's CNI directory.
	BinDir string
	// SettingsDir is where the node settings are, and the credentials.
	SettingsDir string
	// RecordsDir has the plugin's records, and the lock between installers.
	RecordsDir string
}

// programName is the plugin's, which networks have as their type.
const programName = "userspace"

func (p Place) program() string    { return filepath.Join(p.BinDir, programName) }
func (p Place) kubeconfig() string { return filepath.Join(p.SettingsDir, nodeconf.KubeConfigName) }

func (p Place) locks() state.Locks { return state.Locks{Dir: p.RecordsDir} }

func (p Place) lock(ctx context.Context) (unlock func(), err error) {
	return p.locks().Lock(ctx, lockName)
}

// Installer keeps the plugin on a node.
type Installer struct {
	Place
	// Program is the plugin that is installed.
	Program string
	// Credentials are what the plugin's kubeconfig is made of.
	Credentials Credentials
	// Interval is how often it is looked at what is there.
	Interval time.Duration
	Log      *slog.Logger

	mu       sync.Mutex  // guards failed
	failed   error       // of the last look
	verified os.FileInfo // the installed program that was found to be ours
}

// Run keeps the plugin on the node until the context ends.
func (i *Installer) Run(ctx context.Context) error {
	unlock, err := i.lock(ctx)
	if err != nil {
		if ctx.Err() != nil { // another one was at work all the time
			return nil
		}
		return err
	}
	defer unlock()
	i.mu.Lock()
	i.failed = errFirstLook
	i.mu.Unlock()
	for _, path := range []string{i.program(), i.kubeconfig()} {
		if err := removeDrafts(path); err != nil {
			return err
		}
	}
	ticker := time.NewTicker(i.Interval)
	defer ticker.Stop()
	for {
		i.look()
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// Healthy returns why the node doesn't have what it should. While another
// installer is at work, it has.
func (i *Installer) Healthy() error {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.failed
}

// errFirstLook is what holds until the installer has looked once.
var errFirstLook = errors.New("the plugin is being installed")

// look puts right what isn't.
func (i *Installer) look() {
	err := errors.Join(i.keepProgram(), i.keepCredentials())
	i.mu.Lock()
	defer i.mu.Unlock()
	switch {
	case err != nil && (i.failed == nil || err.Error() != i.failed.Error()):
		i.Log.Error("the plugin is not as it should be on this node", "err", err)
	case err == nil && i.failed != nil && !errors.Is(i.failed, errFirstLook):
		i.Log.Info("the plugin is as it should be on this node again")
	}
	i.failed = err
}

func (i *Installer) keepProgram() error {
	there, err := os.Lstat(i.program())
	if err == nil && i.verified != nil && unchanged(i.verified, there) {
		return nil
	}
	if err == nil && there.Mode() == programMode {
		same, err := sameContent(i.Program, i.program())
		if err != nil {
			return fmt.Errorf("compare the installed plugin: %w", err)
		}
		if same {
			i.verified = there
			return nil
		}
	}
	if i.verified, err = replaceByCopy(i.program(), i.Program, programMode); err != nil {
		return fmt.Errorf("install the plugin: %w", err)
	}
	i.Log.Info("installed the plugin", "path", i.program(), "replaced", there != nil)
	return nil
}

func (i *Installer) keepCredentials() error {
	want, err := i.Credentials.kubeconfig()
	if err != nil {
		return err
	}
	same, err := has(i.kubeconfig(), want, kubeconfigMode)
	if err != nil || same {
		return err
	}
	if err := os.MkdirAll(i.SettingsDir, dirMode); err != nil {
		return err
	}
	if _, err := replace(i.kubeconfig(), want, kubeconfigMode); err != nil {
		return fmt.Errorf("write the plugin's credentials: %w", err)
	}
	i.Log.Info("wrote the plugin's credentials", "path", i.kubeconfig())
	return nil
}
