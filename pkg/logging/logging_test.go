package logging

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestLevels: each name lets through what it says and nothing below.
func TestLevels(t *testing.T) {
	for level, want := range map[string]string{
		"panic": "E", "error": "E", "warning": "EW", "info": "EWI", "": "EWI", "unheard-of": "EWI", "debug": "EWID", "verbose": "EWID",
	} {
		var stderr bytes.Buffer
		file := filepath.Join(t.TempDir(), "log")
		log, done := New(&stderr, file, level)
		log.Error("E")
		log.Warn("W")
		log.Info("I")
		log.Debug("D")
		done()
		for name, text := range map[string]string{"stderr": stderr.String(), "file": read(t, file)} {
			got := ""
			for _, letter := range "EWID" {
				if strings.Contains(text, "msg="+string(letter)+"\n") {
					got += string(letter)
				}
			}
			if got != want {
				t.Errorf("level %q, %s: %s, want %s", level, name, got, want)
			}
		}
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// TestFile: it is appended to, its directory is made, it is closed, and others
// can't read it.
func TestFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "new", "log")
	before := openFiles(t)
	for _, line := range []string{"first", "second"} {
		log, done := New(io.Discard, file, "")
		log.Info(line, "key", "a value")
		done()
	}
	if after := openFiles(t); after != before {
		t.Errorf("%d files are open, %d before", after, before)
	}
	if got := read(t, file); strings.Count(got, "\n") != 2 || !strings.Contains(got, `msg=second key="a value"`) {
		t.Errorf("file holds %q", got)
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm()&0o007 != 0 {
		t.Errorf("mode %v (%v)", info.Mode(), err)
	}
}

func openFiles(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// TestUnopenable: one warning that names the file, and the log goes on.
func TestUnopenable(t *testing.T) {
	dir := t.TempDir()
	fifo, file := filepath.Join(dir, "fifo"), filepath.Join(dir, "file")
	if err := errors.Join(syscall.Mkfifo(fifo, 0o600), os.WriteFile(file, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	before := openFiles(t)
	for name, path := range map[string]string{
		"directory": dir, "below a file": filepath.Join(file, "log"), "FIFO": fifo, "device": "/dev/null",
		"too long": filepath.Join(dir, strings.Repeat("x", 300)),
	} {
		t.Run(name, func(t *testing.T) {
			var stderr bytes.Buffer
			log, done := New(&stderr, path, "error")
			log.Error("goes on")
			done()
			if got := stderr.String(); !strings.Contains(got, "goes on") {
				t.Errorf("stderr: %q", got)
			}
			stderr.Reset()
			log, done = New(&stderr, path, "")
			log.Info("goes on")
			done()
			got := stderr.String()
			if strings.Count(got, "level=WARN") != 1 || !strings.Contains(got, path) || !strings.Contains(got, "goes on") {
				t.Errorf("stderr: %q", got)
			}
		})
	}
	if after := openFiles(t); after != before {
		t.Errorf("%d files are open, %d before", after, before)
	}
}

// TestOneFails: what stderr or the file doesn't take still reaches the other.
func TestOneFails(t *testing.T) {
	file := filepath.Join(t.TempDir(), "log")
	log, done := New(broken{}, file, "")
	log.Info("to the file")
	done()
	if got := read(t, file); !strings.Contains(got, "to the file") {
		t.Errorf("file holds %q", got)
	}
	var stderr bytes.Buffer
	log, done = New(&stderr, file, "")
	done() // as if the disk were full
	log.Info("to stderr")
	if got := stderr.String(); !strings.Contains(got, "to stderr") {
		t.Errorf("stderr holds %q", got)
	}
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("broken") }
