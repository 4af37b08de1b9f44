package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/userspace-cni/userspace-cni/cnivpp"
	"github.com/userspace-cni/userspace-cni/pkg/state"
)

// What the node agent is measured with.
const (
	restored      = 500  // endpoints after a restart of VPP
	kept          = 2000 // endpoints that it keeps
	agentInterval = 30 * time.Second
)

// agent measures the node agent: how fast it restores, and what it costs while
// there is nothing to do.
func agent(b *bench) error {
	if err := b.fill(restored); err != nil {
		return err
	}
	if err := b.restore(); err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	return b.idle()
}

// restore measures from the moment that a restarted VPP's API socket answers.
func (b *bench) restore() error {
	cmd, output, err := b.startAgent("--interval", agentInterval.String())
	if err != nil {
		return err
	}
	defer end(cmd)
	var took, alone times
	for range rounds {
		b.host.Kill()
		if err := b.host.Start(); err != nil {
			return err
		}
		answered := time.Now()
		if err := b.wait(restored); err != nil {
			return fmt.Errorf("%w\n%s", err, output)
		}
		took = append(took, time.Since(answered))
	}
	end(cmd)
	for range rounds {
		b.host.Kill()
		if err := b.host.Start(); err != nil {
			return err
		}
		each, err := timed(exec.Command(filepath.Join(b.bin, "bare"), b.host.APISocket, b.dir+"/bare.sock", bareTag, fmt.Sprint(restored)))
		if err != nil {
			return err
		}
		alone = append(alone, each)
	}
	b.host.Kill()
	if err := b.host.Start(); err != nil {
		return err
	}
	row{
		fmt.Sprintf("%d endpoints restored after VPP answers", restored), took.median().Seconds(), "s", 2,
		fmt.Sprintf("the slowest of %d: %s; a bare process makes as many in %s", rounds, ms(took.quantile(1)), ms(alone.median())),
	}.print()
	return nil
}

// wait waits until that many endpoints are enabled.
func (b *bench) wait(count int) error {
	engine := cnivpp.Engine{Socket: b.host.APISocket, Locks: state.Locks{Dir: b.dir + "/locks"}, Log: slog.Default()}
	for until := time.Now().Add(time.Minute); time.Now().Before(until); time.Sleep(10 * time.Millisecond) {
		all, err := engine.List(context.Background(), cnivpp.TagPrefix, false)
		if err != nil {
			return err
		}
		up := 0
		for _, iface := range all {
			if iface.Up {
				up++
			}
		}
		if up >= count {
			return nil
		}
	}
	return errors.New("not restored after a minute")
}

// idle measures what the agent takes of the machine while all is well.
func (b *bench) idle() error {
	const often = time.Second
	cmd, output, err := b.startAgent("--interval", often.String())
	if err != nil {
		return err
	}
	defer end(cmd)
	if err := b.wait(restored); err != nil {
		return fmt.Errorf("%w\n%s", err, output)
	}
	if err := b.fill(kept); err != nil {
		return err
	}
	const looks = 10
	time.Sleep(3 * often) // it looks at all of them at least once
	before, err := processorTime(cmd.Process.Pid)
	if err != nil {
		return err
	}
	time.Sleep(looks * often)
	after, err := processorTime(cmd.Process.Pid)
	if err != nil {
		return err
	}
	each := (after - before) / looks
	row{
		fmt.Sprintf("node agent, share of one core with %d endpoints", kept), 100 * each.Seconds() / agentInterval.Seconds(), "%", 0,
		fmt.Sprintf("one look takes %s, every %s", ms(each), agentInterval),
	}.print()
	resident, ok := status(cmd.Process.Pid, "VmHWM")
	if !ok {
		return fmt.Errorf("the node agent has ended:\n%s", output)
	}
	row{fmt.Sprintf("its peak resident memory with %d endpoints", kept), mib(resident), "MiB", 50, ""}.print()
	return nil
}

func (b *bench) startAgent(args ...string) (*exec.Cmd, *bytes.Buffer, error) {
	output := new(bytes.Buffer)
	cmd := exec.Command(filepath.Join(b.bin, "userspace-node"), append([]string{
		"--vpp-api-socket", b.host.APISocket, "--cni-bin-dir", b.bin, "--listen", "127.0.0.1:9477",
	}, args...)...)
	cmd.Stderr = output
	return cmd, output, cmd.Start()
}

func end(cmd *exec.Cmd) {
	if cmd.ProcessState == nil {
		_ = cmd.Process.Signal(unix.SIGTERM)
		_ = cmd.Wait()
	}
}

// processorTime is what a process has used, in user and system mode (proc(5)).
func processorTime(pid int) (time.Duration, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(data), ") ")
	var user, system int64
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0, fmt.Errorf("/proc/%d/stat: %q", pid, data)
	}
	if _, err := fmt.Sscan(fields[11]+" "+fields[12], &user, &system); err != nil {
		return 0, err
	}
	const ticksPerSecond = 100 // USER_HZ, the same on every architecture of ours
	return time.Duration(user+system) * time.Second / ticksPerSecond, nil
}
