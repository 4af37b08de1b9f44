package install

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/userspace-cni/userspace-cni/pkg/nodeconf"
	"github.com/userspace-cni/userspace-cni/pkg/state"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

// desk is a node, and what an installer brings.
type desk struct {
	*testing.T
	Place
	release, token, authority string
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	dir := t.TempDir()
	d := &desk{
		T: t, Place: Place{BinDir: dir + "/bin", SettingsDir: dir + "/etc", RecordsDir: dir + "/run"},
		release: dir + "/userspace-1", token: dir + "/token", authority: dir + "/ca.crt",
	}
	if err := os.Mkdir(d.BinDir, 0o755); err != nil {
		t.Fatal(err)
	}
	d.write(d.release, "release 1")
	d.write(d.token, "token-1\n")
	d.write(d.authority, "authority")
	return d
}

func (d *desk) write(path, text string) {
	d.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		d.Fatal(err)
	}
}

// installer is one that runs until it is stopped.
func (d *desk) installer(program string) (i *Installer, stop func()) {
	i = &Installer{
		Place: d.Place, Program: program, Interval: time.Millisecond, Log: quiet,
		Credentials: Credentials{Server: "https://10.96.0.1:443", TokenFile: d.token, AuthorityFile: d.authority},
	}
	return i, d.start(i.Run)
}

func (d *desk) start(run func(context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			d.Error(err)
		}
	})
	d.Cleanup(stop)
	return stop
}

// until waits for a condition.
func (d *desk) until(what string, met func() bool) {
	d.Helper()
	for end := time.Now().Add(20 * time.Second); !met(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			d.Fatalf("never: %s", what)
		}
	}
}

func (d *desk) installed(release string) func() bool {
	return func() bool {
		data, _ := os.ReadFile(d.program())
		info, err := os.Lstat(d.program())
		return err == nil && string(data) == release && info.Mode() == 0o755
	}
}

// credentials tells whether the plugin has that token.
func (d *desk) credentials(token string) func() bool {
	return func() bool {
		config, err := clientcmd.LoadFromFile(d.kubeconfig())
		if err != nil || config.AuthInfos["userspace"] == nil {
			return false
		}
		info, err := os.Stat(d.kubeconfig())
		return err == nil && info.Mode() == 0o600 && config.AuthInfos["userspace"].Token == token &&
			config.Clusters["userspace"].Server == "https://10.96.0.1:443" &&
			bytes.Equal(config.Clusters["userspace"].CertificateAuthorityData, []byte("authority"))
	}
}

// nothingElse makes sure that there are no drafts.
func (d *desk) nothingElse(want ...string) {
	d.Helper()
	for _, dir := range []string{d.BinDir, d.SettingsDir} {
		entries, _ := os.ReadDir(dir)
		for _, entry := range entries {
			if path := filepath.Join(dir, entry.Name()); !strings.Contains(strings.Join(want, " ")+" ", path+" ") {
				d.Errorf("left behind: %s", path)
			}
		}
	}
}

func TestInstaller(t *testing.T) {
	d := newDesk(t)
	d.write(d.program(), "another plugin of that name")
	d.write(filepath.Join(d.BinDir, ".userspace-123"), "what a killed installer leaves")
	if err := os.Mkdir(d.SettingsDir, 0o755); err != nil {
		t.Fatal(err)
	}
	d.write(filepath.Join(d.SettingsDir, ".plugin.kubeconfig-123"), "what a killed installer leaves")
	others := filepath.Join(d.BinDir, ".userspace-old", "bin")
	if err := os.MkdirAll(others, 0o755); err != nil {
		t.Fatal(err)
	}
	i, stop := d.installer(d.release)
	d.until("installed", d.installed("release 1"))
	d.until("credentials", d.credentials("token-1"))

	d.write(d.token, "token-2")
	d.until("the token is renewed", d.credentials("token-2"))
	for what, spoil := range map[string]func() error{
		"removed":        func() error { return os.Remove(d.program()) },
		"changed":        func() error { return os.WriteFile(d.program(), []byte("release X"), 0o755) },
		"not executable": func() error { return os.Chmod(d.program(), 0o644) },
		"a link": func() error {
			return os.Rename(d.program(), d.program()+".1") // and a link to it in its place
		},
	} {
		if err := spoil(); err != nil {
			t.Fatal(err)
		}
		if what == "a link" {
			_ = os.Symlink(d.program()+".1", d.program()) // the installer may be faster
		}
		d.until("put right: "+what, d.installed("release 1"))
	}
	if err := os.Remove(d.program() + ".1"); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(d.kubeconfig(), 0o644); err != nil {
		t.Fatal(err)
	}
	d.until("for root alone", d.credentials("token-2"))
	d.until("healthy", func() bool { return i.Healthy() == nil })
	stop()
	if err := errors.Join(os.Remove(others), os.Remove(filepath.Dir(others))); err != nil {
		t.Errorf("what isn't ours: %v", err)
	}
	d.nothingElse(d.program(), d.kubeconfig())
}

// TestInstallerUpdates: the next installer waits for the one before it, and then
// replaces what that installed.
func TestInstallerUpdates(t *testing.T) {
	d := newDesk(t)
	_, stopOld := d.installer(d.release)
	d.until("installed", d.installed("release 1"))
	next := d.release + "-next"
	d.write(next, "release 2")
	i, stop := d.installer(next)
	if err := i.Healthy(); err != nil {
		t.Errorf("while another one is at work: %v", err)
	}
	if !d.installed("release 1")() {
		t.Error("two installers are at work")
	}
	stopOld()
	d.until("updated", d.installed("release 2"))
	stop()

	// One that never got its turn ends without an error.
	_, stopFirst := d.installer(d.release)
	d.until("installed", d.installed("release 1"))
	_, stopWaiting := d.installer(next)
	stopWaiting()
	stopFirst()
	d.nothingElse(d.program(), d.kubeconfig())
}

// TestInstallerAtFirst isn't ready before the plugin and its credentials are there.
func TestInstallerAtFirst(t *testing.T) {
	d := newDesk(t)
	slow := d.token + ".slow"
	if err := errors.Join(os.Remove(d.token), syscall.Mkfifo(slow, 0o600), os.Link(slow, d.token)); err != nil {
		t.Fatal(err)
	}
	i, _ := d.installer(d.release)
	d.until("the plugin is there", d.installed("release 1"))
	if i.Healthy() == nil {
		t.Error("ready without credentials")
	}
	d.write(d.token+".new", "token-1")
	if err := os.Rename(d.token+".new", d.token); err != nil {
		t.Fatal(err)
	}
	d.until("ready", func() bool {
		// The installer may wait for somebody who writes.
		if writer, err := os.OpenFile(slow, os.O_WRONLY|syscall.O_NONBLOCK, 0); err == nil {
			writer.Close()
		}
		return i.Healthy() == nil
	})
	if !d.credentials("token-1")() {
		t.Error("ready without credentials")
	}
}

// TestInstallerFails says what is missing, leaves nothing, and goes on.
func TestInstallerFails(t *testing.T) {
	d := newDesk(t)
	if err := os.Remove(d.BinDir); err != nil {
		t.Fatal(err)
	}
	d.write(d.token, " \n")
	i, stop := d.installer(d.release)
	says := func(words ...string) func() bool {
		return func() bool {
			err := i.Healthy()
			for _, word := range words {
				if err == nil || !strings.Contains(err.Error(), word) {
					return false
				}
			}
			return true
		}
	}
	d.until("what is missing", says("install the plugin", d.BinDir, "token", d.token+" is empty"))
	if said := i.Healthy().Error(); strings.Contains(said, draftPrefix(d.program())) {
		t.Errorf("it says something else each time: %s", said)
	}
	if err := os.MkdirAll(d.program(), 0o755); err != nil {
		t.Fatal(err)
	}
	d.until("what is in the way", says("install the plugin: replace "+d.program()+": file exists"))
	if err := os.Remove(d.program()); err != nil {
		t.Fatal(err)
	}
	d.until("credentials alone are missing", func() bool { return says("token")() && !says("install the plugin")() })
	d.write(d.token, "token-1")
	d.until("all is well", func() bool { return i.Healthy() == nil })
	d.until("credentials", d.credentials("token-1"))
	stop()
	d.nothingElse(d.program(), d.kubeconfig())
}

func (d *desk) uninstaller() *Uninstaller {
	return &Uninstaller{Place: d.Place, Program: d.release, SharedDir: d.RecordsDir + "-shared", Interval: time.Millisecond, Log: quiet}
}

func (d *desk) install() {
	d.Helper()
	_, stop := d.installer(d.release)
	d.until("installed", d.credentials("token-1"))
	stop()
}

// TestUninstaller waits for the installer, then for the pods, and leaves nothing
// but what an administrator has made.
func TestUninstaller(t *testing.T) {
	d := newDesk(t)
	_, stopInstaller := d.installer(d.release)
	d.until("installed", d.credentials("token-1"))
	settings := filepath.Join(d.SettingsDir, filepath.Base(nodeconf.DefaultPath))
	d.write(settings, "{}")
	record := &state.Record{
		Attachment: state.Attachment{Network: "net", ContainerID: "c", IfName: "net1"},
		Pod:        &state.Pod{Namespace: "default", Name: "web"},
	}
	files := state.Files{Dir: d.RecordsDir}
	if err := files.Put(record); err != nil {
		t.Fatal(err)
	}
	u := d.uninstaller()
	if err := os.Mkdir(u.SharedDir, 0o755); err != nil {
		t.Fatal(err)
	}
	stop := d.start(u.Run)
	waits := func(words string) func() bool {
		return func() bool { return u.Done() != nil && strings.Contains(u.Done().Error(), words) }
	}
	d.until("it waits for the installer", waits("installer"))
	drafts := []string{filepath.Join(d.BinDir, ".userspace-123"), filepath.Join(d.SettingsDir, ".plugin.kubeconfig-123")}
	for _, path := range drafts {
		d.write(path, "what a killed installer leaves")
	}
	damaged := filepath.Join(d.RecordsDir, "records", strings.Repeat("a", len(record.Key()))+".json")
	d.write(damaged, "half")
	stopInstaller()
	d.until("it waits for the pod", waits("1 pods to end, which the plugin attached: default/web"))
	if !d.installed("release 1")() {
		t.Error("the plugin is gone, and the pod can't end")
	}
	if err := files.Delete(record.Attachment); err != nil {
		t.Fatal(err)
	}
	d.until("it waits for whoever has the damaged record", waits("1 attachments to be removed, whose records can't be read"))
	if err := os.Remove(damaged); err != nil {
		t.Fatal(err)
	}
	d.until("done", func() bool { return u.Done() == nil })
	stop()
	d.nothingElse(settings)
	if entries, _ := os.ReadDir(d.RecordsDir); len(entries) > 0 {
		t.Errorf("left of the records: %v", entries)
	}
	if _, err := os.Stat(u.SharedDir); err == nil {
		t.Error("the plugin's shared directory is left")
	}
}

// TestUninstallerLeaves what isn't the plugin's.
func TestUninstallerLeaves(t *testing.T) {
	d := newDesk(t)
	d.install()
	u := d.uninstaller()
	others := filepath.Join(u.SharedDir, "data") // as the Intel plugin has it
	if err := os.MkdirAll(others, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := u.Run(t.Context()); err != nil || u.Done() != nil {
		t.Error(err, u.Done())
	}
	if _, err := os.Stat(others); err != nil {
		t.Error(err)
	}
	d.nothingElse()
}

// TestUninstallerOvertaken: installers that come while it is at work go on one after
// the other.
func TestUninstallerOvertaken(t *testing.T) {
	d := newDesk(t)
	record := &state.Record{Attachment: state.Attachment{Network: "net", ContainerID: "c", IfName: "net1"}}
	files := state.Files{Dir: d.RecordsDir}
	if err := files.Put(record); err != nil {
		t.Fatal(err)
	}
	u := d.uninstaller()
	d.start(u.Run)
	d.until("it waits for the pod", func() bool { return u.Done() != nil && strings.Contains(u.Done().Error(), "1 pods") })
	_, stop := d.installer(d.release)
	if err := files.Delete(record.Attachment); err != nil {
		t.Fatal(err)
	}
	d.until("installed", d.credentials("token-1")) // by nobody else
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err := d.lock(ctx)
	if !errors.Is(err, state.ErrLocked) {
		t.Errorf("another installer may be at work too: %v", err)
	}
	stop()
}

func TestUninstallerForced(t *testing.T) {
	d := newDesk(t)
	d.install()
	record := &state.Record{Attachment: state.Attachment{Network: "net", ContainerID: "c", IfName: "net1"}}
	if err := (state.Files{Dir: d.RecordsDir}).Put(record); err != nil {
		t.Fatal(err)
	}
	u := d.uninstaller()
	u.Force = true
	for range 2 { // there is nothing the second time
		if err := u.Run(t.Context()); err != nil || u.Done() != nil {
			t.Fatal(err, u.Done())
		}
		d.nothingElse()
	}
}

// TestUninstallerAndCall: a call that is under way when the plugin goes attaches a
// pod: the plugin comes back until that has ended.
func TestUninstallerAndCall(t *testing.T) {
	d := newDesk(t)
	d.install()
	ended, err := d.locks().Lock(t.Context(), "attachment/x")
	if err != nil {
		t.Fatal(err)
	}
	u := d.uninstaller()
	stop := d.start(u.Run)
	d.until("it waits for the call", func() bool { return errors.Is(u.Done(), errCalls) })
	if _, err := os.Stat(d.program()); err == nil {
		t.Error("another call can begin")
	}
	record := &state.Record{Attachment: state.Attachment{Network: "net", ContainerID: "c", IfName: "net1"}}
	files := state.Files{Dir: d.RecordsDir}
	if err := files.Put(record); err != nil {
		t.Fatal(err)
	}
	ended()
	d.until("the plugin is back", d.installed("release 1"))
	if err := files.Delete(record.Attachment); err != nil {
		t.Fatal(err)
	}
	d.until("done", func() bool { return u.Done() == nil })
	stop()
	d.nothingElse()
}
