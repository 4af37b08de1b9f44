package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/vishvananda/netns"

	"github.com/userspace-cni/userspace-cni/pkg/vppapi"
)

// VPP is a running engine.
type VPP struct {
	Engine
	// Dir holds its files, APISocket its binary API.
	Dir       string
	APISocket string

	netns  string
	extra  []string
	cmd    *exec.Cmd
	exited chan struct{}
	// initial is what a VPP has before anybody has made anything.
	initial []string
	known   bool
}

// startTimeout bounds the start of a VPP: a real one takes about a second.
const startTimeout = 30 * time.Second

// StartVPP starts the engine with its files in dir, in the network namespace at
// netns (empty: the lab's own), and waits for it to answer. Arguments are the
// simulator's own, or sections of a real VPP's startup.conf.
func StartVPP(engine Engine, dir, netns string, args ...string) (*VPP, error) {
	v := &VPP{Engine: engine, Dir: dir, APISocket: filepath.Join(dir, "api.sock"), netns: netns, extra: args}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	return v, v.Start()
}

// Start starts it again after Kill or Stop.
func (v *VPP) Start() error {
	cmd, err := v.command()
	if err != nil {
		return err
	}
	output, err := os.Create(filepath.Join(v.Dir, "output"))
	if err != nil {
		return err
	}
	defer output.Close()
	cmd.Stdout, cmd.Stderr = output, output
	if err := StartIn(v.netns, cmd); err != nil {
		return fmt.Errorf("start %s: %w", v.Name, err)
	}
	v.cmd, v.exited = cmd, make(chan struct{})
	go func() { _ = cmd.Wait(); close(v.exited) }()
	return v.waitForAnswer()
}

// StartIn starts a command that dies with us in the network namespace at path;
// empty: in ours.
func StartIn(path string, cmd *exec.Cmd) error {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	return onThread(func() error { return startIn(path, cmd) })
}

// startIn is StartIn on the calling thread, which must be locked to its goroutine.
func startIn(path string, cmd *exec.Cmd) (err error) {
	if path == "" {
		return cmd.Start()
	}
	own, err := netns.Get()
	if err != nil {
		return err
	}
	defer own.Close()
	other, err := netns.GetFromPath(path)
	if err != nil {
		return err
	}
	defer other.Close()
	if err := netns.Set(other); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, netns.Set(own)) }()
	return cmd.Start()
}

func (v *VPP) command() (*exec.Cmd, error) {
	if !v.Real {
		return exec.Command(v.Path, append([]string{"--api-socket", v.APISocket}, v.extra...)...), nil
	}
	// Without hugepages, with as little memory as three of them on a small
	// machine want, and sleeping between polls, so that they share its cores. The
	// session layer is left off; once it is on, the tables of each application
	// namespace would otherwise take 14 MB of the heap.
	config := fmt.Sprintf(`
unix { nodaemon nosyslog runtime-dir %[1]s cli-listen %[1]s/cli.sock log %[1]s/vpp.log poll-sleep-usec 50 }
api-segment { prefix %[2]s }
socksvr { socket-name %[3]s }
memory { main-heap-size 192M main-heap-page-size 4k }
buffers { buffers-per-numa 8192 page-size 4k }
physmem { max-size 256M }
statseg { size 16M page-size 4k socket-name %[1]s/stats.sock }
session { v4-session-table-buckets 1024 v4-halfopen-table-buckets 1024 v6-session-table-buckets 1024 v6-halfopen-table-buckets 1024 }
`, v.Dir, filepath.Base(v.Dir), v.APISocket)
	path := filepath.Join(v.Dir, "startup.conf")
	return exec.Command(v.Path, "-c", path), os.WriteFile(path, []byte(config+strings.Join(v.extra, "\n")), 0o644)
}

func (v *VPP) waitForAnswer() error {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	for {
		conn, err := vppapi.Dial(ctx, v.APISocket, "lab")
		if err == nil {
			if err = conn.Close(); err == nil && !v.known { // later a node agent is at work at once
				v.initial, err = v.objects()
				v.known = err == nil
			}
			return err
		}
		select {
		case <-v.exited:
			return fmt.Errorf("%s ended at once: %s\n%s", v.Name, v.cmd.ProcessState, v.Output())
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("%s does not answer after %s: %w\n%s", v.Name, startTimeout, err, v.Output()), v.Kill())
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// Output is what the program has written.
func (v *VPP) Output() string {
	data, _ := os.ReadFile(filepath.Join(v.Dir, "output"))
	return string(data)
}

// Kill ends it at once.
func (v *VPP) Kill() error {
	if v.cmd == nil {
		return nil
	}
	v.cmd.Process.Signal(syscall.SIGCONT)
	v.cmd.Process.Kill()
	<-v.exited
	return nil
}

// Signal sends it a signal, such as SIGSTOP to make it hang.
func (v *VPP) Signal(sig syscall.Signal) error { return v.cmd.Process.Signal(sig) }

// PID is its number as a process.
func (v *VPP) PID() int { return v.cmd.Process.Pid }

// Exited is closed when the program has ended.
func (v *VPP) Exited() <-chan struct{} { return v.exited }
