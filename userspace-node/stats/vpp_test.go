package stats

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/userspace-cni/userspace-cni/cnivpp/vpp"
)

// server is a running VPP.
type server struct {
	*testing.T
	dir    string
	cmd    *exec.Cmd
	output bytes.Buffer
}

func start(t *testing.T) *server {
	t.Helper()
	if os.Getenv("VPP") == "" {
		t.Skip("needs a VPP and root: VPP=/path/to/vpp go test ./userspace-node/stats")
	}
	// Not t.TempDir(): a socket's path holds 107 characters.
	dir, err := os.MkdirTemp("", "s")
	if err != nil {
		t.Fatal(err)
	}
	s := &server{T: t, dir: dir}
	t.Cleanup(func() { s.kill(); os.RemoveAll(dir) })
	s.start()
	return s
}

func (s *server) path(name string) string { return filepath.Join(s.dir, name) }

func (s *server) start() {
	s.Helper()
	config := fmt.Sprintf(`
unix { nodaemon nosyslog runtime-dir %[1]s cli-listen %[1]s/cli.sock log %[1]s/vpp.log poll-sleep-usec 50 }
api-segment { prefix %[2]s }
socksvr { socket-name %[1]s/api.sock }
memory { main-heap-size 192M main-heap-page-size 4k }
buffers { buffers-per-numa 8192 page-size 4k }
physmem { max-size 256M }
statseg { size 16M page-size 4k socket-name %[1]s/stats.sock }
`, s.dir, filepath.Base(s.dir))
	if err := os.WriteFile(s.path("startup.conf"), []byte(config), 0o600); err != nil {
		s.Fatal(err)
	}
	s.cmd = exec.Command(os.Getenv("VPP"), "-c", s.path("startup.conf"))
	s.output.Reset()
	s.cmd.Stdout, s.cmd.Stderr = &s.output, &s.output
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.cmd.Start(); err != nil {
		s.Fatal(err)
	}
	s.until("it answers", func() error { return s.try("show version") })
}

func (s *server) kill() {
	s.cmd.Process.Kill()
	s.cmd.Wait()
}

// until waits for what takes VPP a moment.
func (s *server) until(what string, try func() error) {
	s.Helper()
	var err error
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if err = try(); err == nil {
			return
		}
	}
	s.kill() // the output is whole then
	s.Fatalf("waited for: %s: %v\n%s", what, err, &s.output)
}

func (s *server) try(commands ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	session, err := vpp.Connect(ctx, s.path("api.sock"))
	if err != nil {
		return err
	}
	defer session.Close()
	for _, command := range commands {
		if _, err := session.CLI(ctx, command); err != nil {
			return err
		}
	}
	return nil
}

func (s *server) do(commands ...string) {
	s.Helper()
	if err := s.try(commands...); err != nil {
		s.Fatal(err)
	}
}

// TestVPP: names and counters of what VPP makes, moves, deletes and loses.
func TestVPP(t *testing.T) {
	vpp := start(t)
	segment, err := Open(vpp.path("stats.sock"))
	if err != nil {
		t.Fatal(err)
	}
	defer segment.Close()
	has := func(name string, want Counters) {
		t.Helper()
		vpp.until(fmt.Sprintf("%s has %+v", name, want), func() error {
			got, err := segment.Interfaces()
			if c, ok := got[name]; err == nil && (!ok || c != want) {
				return fmt.Errorf("found %+v", got)
			}
			return err
		})
	}
	hasNo := func(name string) {
		t.Helper()
		vpp.until("there is no "+name, func() error {
			got, err := segment.Interfaces()
			if _, ok := got[name]; err == nil && ok {
				return fmt.Errorf("found %+v", got)
			}
			return err
		})
	}

	vpp.do("create memif socket id 7 filename "+vpp.path("memif.sock"), "create interface memif id 0 socket-id 7 master",
		"create packet-generator interface pg0", "set interface state pg0 up",
		"create loopback interface", "set interface state loop0 up",
		"set interface l2 bridge pg0 1", "set interface l2 bridge loop0 1 bvi")
	has("memif7/0", Counters{})
	has("pg0", Counters{})

	// Frames to everybody enter at pg0, are for loop0, which drops them.
	vpp.do("packet-generator new { name x limit 10 size 100-100 interface pg0 node ethernet-input data { "+
		"0x88b5: 00:00:00:00:00:01 -> ff:ff:ff:ff:ff:ff incrementing 86 } }", "packet-generator enable-stream x")
	has("pg0", Counters{RxPackets: 10, RxBytes: 1000})
	// A bridge's own interface counts no packets that it receives.
	has("loop0", Counters{Drops: 10})

	// Indexes are used again, the last one that was given up first: loop0 gets
	// the memif's, before the one at which VPP has counted its drops.
	vpp.do("set interface l3 loop0", "delete loopback interface intfc loop0", "delete interface memif memif7/0")
	hasNo("memif7/0")
	hasNo("loop0")
	hasNo("deleted")
	vpp.do("create loopback interface")
	has("loop0", Counters{})

	vpp.kill()
	if got, err := segment.Interfaces(); err == nil {
		t.Errorf("a killed VPP still counts %v", got)
	}
	vpp.start()
	has("local0", Counters{})
	hasNo("pg0")

	vpp.cmd.Process.Signal(syscall.SIGSTOP)
	if _, err := segment.Interfaces(); !errors.Is(err, ErrSilent) {
		t.Errorf("error %v of a VPP that hangs, want %v", err, ErrSilent)
	}
	vpp.cmd.Process.Signal(syscall.SIGCONT)
	has("local0", Counters{})

	segment.Close()
	if _, err := segment.Interfaces(); !errors.Is(err, ErrClosed) {
		t.Errorf("error %v, want %v", err, ErrClosed)
	}
}

// TestWhileItChanges: interfaces that come and go spoil no reading.
func TestWhileItChanges(t *testing.T) {
	vpp := start(t)
	segment, err := Open(vpp.path("stats.sock"))
	if err != nil {
		t.Fatal(err)
	}
	defer segment.Close()
	commands := strings.Split(strings.Repeat("create loopback interface instance 5\ndelete loopback interface intfc loop5\n", 200), "\n")
	changed := make(chan error, 1)
	go func() { changed <- vpp.try(commands[:400]...) }()
	for {
		select {
		case err := <-changed:
			if err != nil {
				t.Error(err)
			}
			return
		default:
			got, err := segment.Interfaces()
			if _, ok := got["local0"]; err != nil || !ok {
				t.Errorf("%v, error %v", got, err)
			}
		}
	}
}
