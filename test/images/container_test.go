package images

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/userspace-cni/userspace-cni/test/lab"
)

// container is a container of an image that was built: the image's files below a
// layer of its own, its own network, processes and IPC.
type container struct {
	t      *testing.T
	root   string
	config imageConfig
	netns  string
	// env is added to the image's.
	env []string
	// terminal is what the program talks to; nil: it is only heard.
	terminal *os.File

	cmd    *exec.Cmd
	output *output
	exited chan struct{}
}

type imageConfig struct {
	Env        []string
	Entrypoint []string
	Labels     map[string]string
}

// needImages skips a test where none were built.
func needImages(t *testing.T) {
	t.Helper()
	if built == "" {
		t.Skip(`no images were built: "make test-images" does`)
	}
}

// newContainer makes one, without starting it.
func newContainer(t *testing.T, image string) *container {
	t.Helper()
	needImages(t)
	c := &container{t: t, root: t.TempDir()}
	var inspected struct{ OCIv1 struct{ Config imageConfig } }
	data, err := os.ReadFile(filepath.Join(built, image+".json"))
	must(t, err)
	must(t, json.Unmarshal(data, &inspected))
	c.config = inspected.OCIv1.Config
	lower, err := filepath.EvalSymlinks(filepath.Join(built, image))
	must(t, err)
	c.mountRoot(lower)
	for _, dir := range []string{"/proc", "/sys", "/dev"} {
		c.bind(dir, dir)
	}
	c.netns, err = lab.NewNetns("image-" + filepath.Base(c.root) + "-" + image)
	must(t, err)
	t.Cleanup(func() { must(t, lab.DeleteNetns(c.netns)) })
	return c
}

// mountRoot mounts the image's files, and what the container writes above them.
func (c *container) mountRoot(lower string) {
	c.t.Helper()
	layer, err := os.MkdirTemp("/run", "layer")
	must(c.t, err)
	upper, work := filepath.Join(layer, "upper"), filepath.Join(layer, "work")
	must(c.t, os.Mkdir(upper, 0o755))
	must(c.t, os.Mkdir(work, 0o755))
	must(c.t, syscall.Mount("overlay", c.root, "overlay", 0, "lowerdir="+lower+",upperdir="+upper+",workdir="+work))
	c.t.Cleanup(func() {
		must(c.t, syscall.Unmount(c.root, syscall.MNT_DETACH))
		must(c.t, os.RemoveAll(layer))
	})
}

// bind shows a directory of the node in the container.
func (c *container) bind(from, to string) {
	c.t.Helper()
	to = filepath.Join(c.root, to)
	must(c.t, os.MkdirAll(to, 0o755))
	must(c.t, syscall.Mount(from, to, "", syscall.MS_BIND|syscall.MS_REC, ""))
	c.t.Cleanup(func() { must(c.t, syscall.Unmount(to, syscall.MNT_DETACH)) })
}

// put writes a file of the node into the container, where it has none there.
func (c *container) put(from, to string) {
	c.t.Helper()
	to = filepath.Join(c.root, to)
	if _, err := os.Stat(to); err == nil {
		return
	}
	data, err := os.ReadFile(from)
	must(c.t, err)
	must(c.t, os.MkdirAll(filepath.Dir(to), 0o755))
	must(c.t, os.WriteFile(to, data, 0o755))
}

// start starts the entrypoint with arguments, as the container's first process.
func (c *container) start(args ...string) {
	c.t.Helper()
	words := append(slices.Clone(c.config.Entrypoint), args...)
	c.cmd = c.command(words...)
	c.cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWPID | syscall.CLONE_NEWIPC
	c.output = &output{}
	c.cmd.Stdout, c.cmd.Stderr = c.output, c.output
	if c.terminal != nil { // and its own session, as a runtime gives it
		c.cmd.Stdin, c.cmd.Stdout, c.cmd.Stderr = c.terminal, c.terminal, c.terminal
		c.cmd.SysProcAttr.Setsid, c.cmd.SysProcAttr.Setctty = true, true
	}
	must(c.t, lab.StartIn(c.netns, c.cmd))
	c.exited = make(chan struct{})
	go func() { _ = c.cmd.Wait(); close(c.exited) }()
	c.t.Cleanup(func() {
		c.cmd.Process.Kill()
		<-c.exited
		if c.t.Failed() {
			c.t.Logf("%s wrote:\n%s", strings.Join(words, " "), c.output)
		}
	})
}

// run runs a program in the container, and returns what it writes.
func (c *container) run(words ...string) (string, error) {
	cmd := c.command(words...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := lab.StartIn(c.netns, cmd); err != nil {
		return "", err
	}
	err := cmd.Wait()
	return out.String(), err
}

func (c *container) command(words ...string) *exec.Cmd {
	c.t.Helper()
	cmd := &exec.Cmd{
		Path:        c.find(words[0]),
		Args:        words,
		Env:         append(slices.Clone(c.config.Env), c.env...),
		Dir:         "/",
		SysProcAttr: &syscall.SysProcAttr{Chroot: c.root},
	}
	return cmd
}

// find looks for a program in the image's own PATH.
func (c *container) find(program string) string {
	c.t.Helper()
	if strings.Contains(program, "/") {
		return program
	}
	dirs := "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" // a runtime's own
	for _, variable := range c.config.Env {
		if value, is := strings.CutPrefix(variable, "PATH="); is {
			dirs = value
		}
	}
	for dir := range strings.SplitSeq(dirs, ":") {
		if isExecutable(filepath.Join(c.root, dir, program)) {
			return path.Join(dir, program)
		}
	}
	c.t.Fatalf("there is no %s in the image", program)
	return ""
}

// ends waits for the container's end, and returns its status.
func (c *container) ends() int {
	c.t.Helper()
	select {
	case <-c.exited:
	case <-time.After(30 * time.Second):
		c.t.Fatal("the container doesn't end within 30 s")
	}
	return c.cmd.ProcessState.ExitCode()
}

// says waits until the container has written something.
func (c *container) says(text string) {
	c.t.Helper()
	c.within("says "+text, func() bool { return strings.Contains(c.output.String(), text) })
}

// within waits for something while the container runs.
func (c *container) within(what string, is func() bool) {
	c.t.Helper()
	for until := time.Now().Add(60 * time.Second); !is(); {
		select {
		case <-c.exited:
			if is() {
				return
			}
			c.t.Fatalf("the container has ended (%s), and not: %s", c.cmd.ProcessState, what)
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(until) {
			c.t.Fatalf("not within 60 s: %s", what)
		}
	}
}

// output is read while it is written.
type output struct {
	sync.Mutex
	buffer bytes.Buffer
}

func (o *output) Write(data []byte) (int, error) {
	o.Lock()
	defer o.Unlock()
	return o.buffer.Write(data)
}

func (o *output) String() string {
	o.Lock()
	defer o.Unlock()
	return o.buffer.String()
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
