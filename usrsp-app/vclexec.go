package usrspapp

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/userspace-cni/userspace-cni/pkg/contract"
)

// ErrNoProgram is that of a program that isn't there.
var ErrNoProgram = errors.New("program not found")

// VCLExec becomes the program, with VCL preloaded into it alone. It returns only
// with an error.
func (a *App) VCLExec(ctx context.Context, options VCLOptions, program []string) error {
	path, err := exec.LookPath(program[0])
	if errors.Is(err, exec.ErrNotFound) || errors.Is(err, fs.ErrNotExist) {
		return errors.Join(ErrNoProgram, err)
	}
	if err != nil {
		return err
	}
	library, err := findLibrary(options.Library)
	if err != nil {
		return err
	}
	entry, err := a.vclEntry(ctx, options.Interface)
	if err != nil {
		return err
	}
	if err := a.answers(ctx, entry); err != nil {
		return err
	}
	environment, err := a.vclEnvironment(entry, library, options)
	if err != nil {
		return err
	}
	return syscall.Exec(path, program, environment.over(os.Environ()))
}

// answerTime bounds asking the host's VPP whether it takes an application. All that
// the library would say is that it failed.
const answerTime = 2 * time.Second

func (a *App) answers(ctx context.Context, entry contract.Entry) error {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	if _, err := a.checkVCL(ctx, entry, answerTime); err != nil {
		return fmt.Errorf("network %s, interface %s: %w", entry.Name, entry.IfName, err)
	}
	return nil
}

// over is another environment with these variables in it. Lists of libraries keep
// what they had, behind ours.
func (e Environment) over(inherited []string) []string {
	own := map[string]string{}
	for _, v := range e {
		own[v.Name] = v.Value
	}
	var all []string
	for _, line := range inherited {
		name, value, _ := strings.Cut(line, "=")
		ours, ok := own[name]
		if !ok {
			all = append(all, line)
			continue
		}
		if name != "VCL_CONFIG" && value != "" && value != ours {
			own[name] = ours + ":" + value
		}
	}
	for _, v := range e {
		all = append(all, v.Name+"="+own[v.Name])
	}
	return all
}
