package images

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/userspace-cni/userspace-cni/test/lab"
)

// pod is a container of vpp-userspace-cni with the VPP that the node has, too.
func (n *node) pod() *container {
	n.t.Helper()
	c := newContainer(n.t, "vpp-userspace-cni")
	command, files := n.engine.Path, []string{n.engine.Path}
	if n.engine.Real {
		var err error
		command += " -c /etc/vpp/startup.conf"
		files, err = lab.VPPFiles(n.engine.Path)
		must(n.t, err)
	}
	for _, file := range files {
		c.put(file, file)
	}
	c.env = []string{"VPP=" + command}
	return c
}

// configured waits until usrsp-app has done its work.
func (c *container) configured() {
	c.t.Helper()
	c.within("is configured", func() bool {
		_, err := os.Stat(filepath.Join(c.root, "run/vpp/configured"))
		return err == nil
	})
}

// children are the processes that the container's first one has to look after, by
// their command lines.
func (c *container) children() map[string]int {
	c.t.Helper()
	pid := c.cmd.Process.Pid
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	must(c.t, err)
	all := map[string]int{}
	for _, word := range strings.Fields(string(data)) {
		child, err := strconv.Atoi(word)
		must(c.t, err)
		line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", child))
		if err == nil {
			all[strings.ReplaceAll(string(line), "\x00", " ")] = child
		}
	}
	return all
}

// child is the number of the child whose command line begins so.
func (c *container) child(begin string) int {
	c.t.Helper()
	for line, pid := range c.children() {
		if strings.HasPrefix(line, begin) {
			return pid
		}
	}
	c.t.Fatalf("no %s among %v", begin, c.children())
	return 0
}

// TestPing: a pod stays, another's command begins once it is configured, pings the
// first, and ends the container with its status.
func TestPing(t *testing.T) {
	n := newNode(t)
	staying, pinging := n.pod(), n.pod()
	address := n.attach(staying)
	n.attach(pinging)
	staying.start()
	staying.configured()
	pinging.start("usrsp-app", "ping", address.String(), "--settle", "30s")
	if status := pinging.ends(); status != 0 || !strings.Contains(pinging.output.String(), "0% packet loss") {
		t.Fatalf("status %d, %q", status, pinging.output)
	}
	must(t, staying.cmd.Process.Signal(syscall.SIGTERM))
	if status := staying.ends(); status != 0 {
		t.Errorf("after SIGTERM: status %d", status)
	}
}

// TestRestart: one that was killed starts again; its command finds all configured.
func TestRestart(t *testing.T) {
	n := newNode(t)
	c := n.pod()
	n.attach(c)
	for _, end := range []syscall.Signal{syscall.SIGKILL, syscall.SIGTERM} {
		c.start("sh", "-c", "test -e /run/vpp/configured && usrsp-app show | grep memif && echo begun && exec sleep infinity")
		c.says("begun")
		c.within("has a link", n.linked)
		must(t, c.cmd.Process.Signal(end))
		c.ends()
	}
}

// TestStale: what an earlier container left in a volume /run/vpp doesn't say that
// this one is configured; one that still waits for VPP ends when it is told to.
func TestStale(t *testing.T) {
	c := newContainer(t, "vpp-userspace-cni")
	c.env = []string{"VPP=sleep infinity"}
	stale := filepath.Join(c.root, "run/vpp/configured")
	must(t, os.MkdirAll(filepath.Dir(stale), 0o755))
	must(t, os.WriteFile(stale, nil, 0o644))
	c.start("echo", "begun")
	c.within("the file is gone", func() bool {
		_, err := os.Stat(stale)
		return os.IsNotExist(err)
	})
	must(t, c.cmd.Process.Signal(syscall.SIGTERM))
	if status := c.ends(); status != 0 || strings.Contains(c.output.String(), "begun") {
		t.Errorf("status %d, %q", status, c.output)
	}
}

// TestEnds: when VPP or usrsp-app ends, the container does, with an error that says
// which; and its command is asked to end.
func TestEnds(t *testing.T) {
	n := newNode(t)
	for program, says := range map[string]string{n.engine.Path: "VPP has ended", "usrsp-app": "usrsp-app has ended"} {
		c := n.pod()
		n.attach(c)
		c.start("sh", "-c", "trap 'echo asked; exit' TERM; while :; do sleep 0.1; done")
		c.configured()
		c.within("has started its command", func() bool { return len(c.children()) == 3 })
		must(t, syscall.Kill(c.child(program), syscall.SIGKILL))
		if status := c.ends(); status != 1 || !strings.Contains(c.output.String(), says) || !strings.Contains(c.output.String(), "asked") {
			t.Errorf("%s: status %d, %q", program, status, c.output)
		}
	}
}

// TestNoVPP: one that doesn't start ends the container at once.
func TestNoVPP(t *testing.T) {
	c := newContainer(t, "vpp-userspace-cni")
	c.env = []string{"VPP=sh -c exit"}
	c.start()
	if status := c.ends(); status != 1 || !strings.Contains(c.output.String(), `VPP has ended, with status 0: sh -c exit (its startup.conf needs "nodaemon")`) {
		t.Errorf("status %d, %q", status, c.output)
	}
}

// TestCommand: a signal is the command's, which says how the container ends.
func TestCommand(t *testing.T) {
	n := newNode(t)
	c := n.pod()
	n.attach(c)
	c.start("sh", "-c", "trap 'usrsp-app show; exit 7' TERM; echo begun; while :; do sleep 0.1; done")
	c.says("begun")
	must(t, c.cmd.Process.Signal(syscall.SIGTERM))
	if status := c.ends(); status != 7 || !strings.Contains(c.output.String(), "memif") {
		t.Errorf("after SIGTERM: status %d, %q; want 7, and VPP to answer while the command ends", status, c.output)
	}
}

// TestInterrupted: Ctrl-C ends a command that knows nothing of it.
func TestInterrupted(t *testing.T) {
	n := newNode(t)
	c := n.pod()
	n.attach(c)
	c.start("sleep", "infinity")
	c.within("sleeps", func() bool { return len(c.children()) == 3 })
	c.child("sleep infinity")
	must(t, c.cmd.Process.Signal(syscall.SIGINT))
	if status := c.ends(); status != 130 {
		t.Errorf("after SIGINT: status %d, want 130", status)
	}
}

// TestNoZombies: processes whose parents have ended are the container's first one's.
func TestNoZombies(t *testing.T) {
	n := newNode(t)
	c := n.pod()
	n.attach(c)
	c.start("sh", "-c", "(sleep 0.3 &); echo begun; exec sleep infinity")
	c.says("begun")
	c.within("only VPP, usrsp-app and the command are left", func() bool { return len(c.children()) == 3 })
}

// TestShell: on a terminal there is a shell, at once, in which Ctrl-C works.
func TestShell(t *testing.T) {
	n := newNode(t)
	c := n.pod()
	terminal, inside := openTerminal(t)
	c.terminal = inside
	c.start()
	go func() {
		buffer := make([]byte, 4096)
		for {
			count, err := terminal.Read(buffer)
			if err != nil {
				return
			}
			c.output.Write(buffer[:count])
		}
	}()
	c.says("# ")
	typed := func(text string) {
		_, err := terminal.WriteString(text)
		must(t, err)
	}
	typed("sleep infinity\n")
	c.within("sleeps", func() bool {
		children, err := os.ReadFile(fmt.Sprintf("/proc/%[1]d/task/%[1]d/children", c.child("/bin/bash")))
		return err == nil && len(children) > 0
	})
	typed("\x03")
	typed("echo back-$((6*7))\n")
	c.says("back-42")
	typed("exit 5\n")
	if status := c.ends(); status != 5 {
		t.Errorf("status %d, want the shell's", status)
	}
}

// openTerminal returns both ends of a terminal.
func openTerminal(t *testing.T) (outside, inside *os.File) {
	t.Helper()
	outside, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	must(t, err)
	t.Cleanup(func() { outside.Close() })
	must(t, unix.IoctlSetPointerInt(int(outside.Fd()), unix.TIOCSPTLCK, 0))
	number, err := unix.IoctlGetInt(int(outside.Fd()), unix.TIOCGPTN)
	must(t, err)
	inside, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	must(t, err)
	t.Cleanup(func() { inside.Close() })
	return outside, inside
}
