package nodeconf

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	file := write(t, dir, "node.json", `{"addTimeout": "5s"}`, 0o644)
	link := filepath.Join(dir, "link")
	if err := os.Symlink(file, link); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{file, link} {
		s, err := Load(path)
		if err != nil || s.AddTimeout.String() != "5s" {
			t.Errorf("%s: %v, %v", path, s, err)
		}
	}
	for _, missing := range []string{filepath.Join(dir, "none"), filepath.Join(dir, "none", "none")} {
		s, err := Load(missing)
		if diff := cmp.Diff(Default(), s); err != nil || diff != "" {
			t.Errorf("%s: %v\n%s", missing, err, diff)
		}
	}
}

// TestLoadKubeConfig: installed credentials are taken where the settings name none.
func TestLoadKubeConfig(t *testing.T) {
	dir := t.TempDir()
	installed := write(t, dir, KubeConfigName, "", 0o600)
	for name, want := range map[string]string{
		filepath.Join(dir, "none"):                                     installed,
		write(t, dir, "other.json", `{"logLevel": "info"}`, 0o600):     installed,
		write(t, dir, "own.json", `{"kubeconfig": "/nowhere"}`, 0o600): "/nowhere",
		write(t, t.TempDir(), "without.json", `{}`, 0o600):             "",
		write(t, dir, "empty.json", `{"kubeconfig": ""}`, 0o600):       installed,
	} {
		if s, err := Load(name); err != nil || s.KubeConfig != want {
			t.Errorf("%s: %q, %v, want %q", name, s.KubeConfig, err, want)
		}
	}
}

func TestLoadRefuses(t *testing.T) {
	dir := t.TempDir()
	fifo := filepath.Join(dir, "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		dir:                                      "is not a regular file",
		fifo:                                     "is not a regular file",
		write(t, dir, "group.json", `{}`, 0o664): "chmod go-w",
		write(t, dir, "world.json", `{}`, 0o646): "chmod go-w",
		write(t, dir, "one.json", `{"logLevel":1}`, 0o600):                 "one.json: logLevel: 1 is not allowed",
		write(t, dir, "two.json", `{"logLevel":1,"a":1}`, 0o600):           "two.json: 2 faults in the node settings:",
		write(t, dir, "large.json", strings.Repeat(" ", maxFile+1), 0o600): "more than",
	} {
		_, err := Load(path)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
	}
	var faults Errors
	if _, err := Load(filepath.Join(dir, "two.json")); !errors.As(err, &faults) || len(faults) != 2 {
		t.Errorf("the faults are lost: %v", err)
	}
	if os.Geteuid() != 0 {
		t.Log("not root: a file of somebody else can't be made")
		return
	}
	strange := write(t, dir, "strange.json", `{}`, 0o644)
	if err := os.Chown(strange, 4242, 4242); err != nil {
		t.Skip(err)
	}
	if _, err := Load(strange); err == nil || !strings.Contains(err.Error(), "belongs to user 4242") {
		t.Errorf("somebody else's file: %v", err)
	}
}

func write(t *testing.T, dir, name, text string, mode os.FileMode) string {
	t.Helper()
	file := filepath.Join(dir, name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(file, mode); err != nil {
		t.Fatal(err)
	}
	return file
}
