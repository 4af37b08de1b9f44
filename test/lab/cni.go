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
	var stdout, stderr bytes.Buffer
	cmd := call.Process(bin)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	reply := Reply{Stdout: stdout.String(), Stderr: stderr.String()}
	if err == nil {
		return reply, nil
	}
	var failure struct {
		Code    uint
		Msg     string
		Details string
	}
	if json.Unmarshal(stdout.Bytes(), &failure) != nil || failure.Code == 0 {
		return reply, fmt.Errorf("%s: %w\nstdout: %s\nstderr: %s", call.Command, err, &stdout, &stderr)
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
