package stats

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestNoSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "stats.sock")
	start := time.Now()
	if _, err := Open(path); !errors.Is(err, ErrNoSocket) {
		t.Errorf("error %v, want %v", err, ErrNoSocket)
	}
	if took := time.Since(start); took > patience {
		t.Errorf("took %s", took)
	}
}

func TestNobodyListens(t *testing.T) {
	path := filepath.Join(t.TempDir(), "stats.sock")
	listener := listen(t, path)
	syscall.Close(listener)
	if _, err := Open(path); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("error %v, want %v", err, syscall.ECONNREFUSED)
	}
}

// TestHangs: a VPP that hangs takes connections and answers nothing.
func TestHangs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "stats.sock")
	listener := listen(t, path)
	s := &Segment{path: path, turn: make(chan struct{}, 1)}
	for range 2 {
		if _, err := s.Interfaces(); !errors.Is(err, ErrSilent) {
			t.Errorf("error %v, want %v", err, ErrSilent)
		}
	}
	syscall.Close(listener)
	if _, err := s.Interfaces(); errors.Is(err, ErrSilent) || err == nil {
		t.Errorf("error %v after its end, want another", err)
	}
}

// listen makes a socket like VPP's, which net has no listener without goroutines
// for.
func listen(t *testing.T, path string) int {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_SEQPACKET, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(syscall.Bind(fd, &syscall.SockaddrUnix{Name: path}), syscall.Listen(fd, 8)); err != nil {
		t.Fatal(err)
	}
	return fd
}

// TestQuiet: whatever goes wrong, stdout belongs to others.
func TestQuiet(t *testing.T) {
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout := os.Stdout
	os.Stdout = write
	t.Cleanup(func() { os.Stdout = stdout })
	TestNobodyListens(t)
	write.Close()
	if said, err := io.ReadAll(read); len(said) > 0 || err != nil {
		t.Errorf("stdout got %q, error %v", said, err)
	}
}
