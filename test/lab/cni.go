package lab

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	current "github.com/containernetworking/cni/pkg/types/100"
	"github.com/containernetworking/cni/pkg/types/create"
)

// Call is one CNI call, as Multus makes it.
type Call struct {
	Command     string
	ContainerID string
	Netns       string
	IfName      string
	Args        string
	Config      []byte
	// Env is added to the environment.
	Env []string
}

// Reply is what the plugin answered.
type Reply struct {
	Stdout, Stderr string
	// Code and Msg are those of the CNI error; Code is 0 on success.
	Code         uint
	Msg, Details string
}

// Error returns the CNI error as one text, or nil.
func (r Reply) Error() error {
	if r.Code == 0 {
		return nil
	}
	return fmt.Errorf("code %d: %s %s", r.Code, r.Msg, r.Details)
}

// Result parses the CNI result of a successful ADD, in whatever version.
func (r Reply) Result() (*current.Result, error) {
	if err := r.Error(); err != nil {
		return nil, err
	}
	result, err := create.CreateFromBytes([]byte(r.Stdout))
	if err != nil {
		return nil, fmt.Errorf("result %q: %w", r.Stdout, err)
	}
	return current.NewResultFromResult(result)
}

// Process is the call as a process that isn't started yet.
func (call Call) Process(bin string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(bin, "userspace"))
	cmd.Env = append([]string{
		"PATH=" + os.Getenv("PATH"),
		"CNI_COMMAND=" + call.Command,
		"CNI_CONTAINERID=" + call.ContainerID,
		"CNI_NETNS=" + call.Netns,
		"CNI_IFNAME=" + call.IfName,
		"CNI_ARGS=" + call.Args,
		"CNI_PATH=" + bin,
	}, call.Env...)
	cmd.Stdin = bytes.NewReader(call.Config)
	return cmd
}

// CNI runs the plugin in bin. The error is about running it; what the plugin
// itself says is in the reply.
func CNI(bin string, call Call) (Reply, error) {
	running, err := Start(bin, call)
	if err != nil {
		return Reply{}, err
	}
	<-running.Ended()
	return running.Reply()
}

// Running is a call under way.
type Running struct {
	cmd            *exec.Cmd
	command        string
	stdout, stderr bytes.Buffer
	ended          chan struct{}
	err            error // once ended is closed
}

// Start starts a call.
func Start(bin string, call Call) (*Running, error) {
	r := &Running{cmd: call.Process(bin), command: call.Command, ended: make(chan struct{})}
	r.cmd.Stdout, r.cmd.Stderr = &r.stdout, &r.stderr
	if err := r.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { r.err = r.cmd.Wait(); close(r.ended) }()
	return r, nil
}

// Ended is closed when the call has ended.
func (r *Running) Ended() <-chan struct{} { return r.ended }

// Kill ends it at once.
func (r *Running) Kill() {
	r.cmd.Process.Kill()
	<-r.ended
}

// Reply is what CNI returns. It waits for the call's end.
func (r *Running) Reply() (Reply, error) {
	<-r.ended
	reply := Reply{Stdout: r.stdout.String(), Stderr: r.stderr.String()}
	if r.err == nil {
		return reply, nil
	}
	var failure struct {
		Code    uint
		Msg     string
		Details string
	}
	if json.Unmarshal(r.stdout.Bytes(), &failure) != nil || failure.Code == 0 {
		return reply, fmt.Errorf("%s: %w\nstdout: %s\nstderr: %s", r.command, r.err, &r.stdout, &r.stderr)
	}
	reply.Code, reply.Msg, reply.Details = failure.Code, failure.Msg, failure.Details
	return reply, nil
}

// App runs usrsp-app and returns its output, stdout and stderr apart.
func App(bin string, args ...string) (stdout, stderr string, err error) {
	var out, errout bytes.Buffer
	cmd := exec.Command(filepath.Join(bin, "usrsp-app"), args...)
	cmd.Stdout, cmd.Stderr = &out, &errout
	if err = cmd.Run(); err != nil {
		err = fmt.Errorf("usrsp-app %s: %w: %s", strings.Join(args, " "), err, &errout)
	}
	return out.String(), errout.String(), err
}
