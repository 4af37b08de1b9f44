package cluster

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Program is one that runs on the node.
type Program struct {
	name   string
	args   []string
	log    string
	cmd    *exec.Cmd
	exited chan struct{}
}

// Start starts it, or starts it again.
func (p *Program) Start() error {
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(p.name, p.args...)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", p.name, err)
	}
	p.cmd, p.exited = cmd, make(chan struct{})
	go func() { _ = cmd.Wait(); close(p.exited) }()
	return nil
}

// Stop ends it, and waits for that.
func (p *Program) Stop() {
	p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.exited:
	case <-time.After(20 * time.Second):
		p.cmd.Process.Kill()
		<-p.exited
	}
}

// Revive starts it again if it has ended by itself, as systemd does with one that
// gives up because another isn't there yet.
func (p *Program) Revive() error {
	select {
	case <-p.exited:
		return p.Start()
	default:
		return nil
	}
}

// until waits for a condition, for as long as the program runs.
func (p *Program) until(ctx context.Context, what string, condition func(context.Context) error) error {
	err := Until(ctx, time.Minute, func(ctx context.Context) error {
		select {
		case <-p.exited:
			return &final{fmt.Errorf("%s ended: %s\n%s", p.name, p.cmd.ProcessState, p.Tail())}
		default:
			return condition(ctx)
		}
	})
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// Tail is the last that it wrote.
func (p *Program) Tail() string {
	data, _ := os.ReadFile(p.log)
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	return strings.Join(lines[max(0, len(lines)-15):], "\n")
}

// final is an error after which waiting is no use.
type final struct{ error }

// Until waits until a condition is met, and returns why it isn't if that takes
// longer than the limit.
func Until(ctx context.Context, limit time.Duration, condition func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var last error
	for {
		err := condition(ctx)
		if err == nil {
			return nil
		}
		if end, ok := err.(*final); ok { //nolint:errorlint // never wrapped
			return end.error
		}
		if last == nil || ctx.Err() == nil {
			last = err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("not within %s: %w", limit, last)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// program is one of the cluster's, of the cache or of the machine.
func (c *Cluster) program(name string, args ...string) *Program {
	p := &Program{name: name, args: args, log: filepath.Join(c.logs, filepath.Base(name)+".log")}
	c.programs = append(c.programs, p)
	return p
}
