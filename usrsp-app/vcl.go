package usrspapp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/userspace-cni/userspace-cni/pkg/contract"
)

// VCLOptions say which VCL network a program is given, and how.
type VCLOptions struct {
	// Interface is the network's in the pod; empty: the only one.
	Interface string
	// Config is the user's own vcl.conf; empty: none.
	Config string
	// Output is where vcl.conf is written; empty: a place of our own.
	Output string
	// Library is libvcl_ldpreload.so; empty: where it commonly is.
	Library string
}

// Environment is what a program is started with, in the order in which it is
// printed.
type Environment []Variable

// Variable is one of an environment.
type Variable struct{ Name, Value string }

// VCLConf waits for the contract, writes vcl.conf, and prints the environment of a
// program that is to use it, one variable a line, as env takes it.
func (a *App) VCLConf(ctx context.Context, out io.Writer, options VCLOptions) error {
	library, err := findLibrary(options.Library)
	if err != nil {
		return err
	}
	entry, err := a.vclEntry(ctx, options.Interface)
	if err != nil {
		return err
	}
	environment, err := a.vclEnvironment(entry, library, options)
	if err != nil {
		return err
	}
	for _, v := range environment {
		fmt.Fprintf(out, "%s=%s\n", v.Name, v.Value)
	}
	return nil
}

// vclEntry waits for the contract, and returns the network that is to be used.
func (a *App) vclEntry(ctx context.Context, ifName string) (contract.Entry, error) {
	entries, err := a.contract(ctx)
	if err != nil {
		return contract.Entry{}, err
	}
	return oneVCL(entries, ifName)
}

// vclEnvironment writes vcl.conf and says how a program finds it.
func (a *App) vclEnvironment(entry contract.Entry, library library, options VCLOptions) (Environment, error) {
	if err := library.fits(entry.Config.VCL.VPPRelease); err != nil {
		return nil, err
	}
	text, err := a.vclText(entry, options.Config)
	if err != nil {
		return nil, err
	}
	path, err := writeConfig(options.Output, entry.IfName, text)
	if err != nil {
		return nil, err
	}
	environment := Environment{{"VCL_CONFIG", path}, {"LD_PRELOAD", library.path}}
	if library.dir != "" {
		environment = append(environment, Variable{"LD_LIBRARY_PATH", library.dir})
	}
	for _, v := range environment {
		if !isPlain(v.Value) {
			return nil, fmt.Errorf("%s=%.128q can't stand on a command line as it is; allowed: letters, digits and any of '/', '.', '_', '-', '+': choose other paths by --output, --library or TMPDIR", v.Name, v.Value)
		}
	}
	return environment, nil
}

// isPlain tells whether neither a shell nor the dynamic loader, which takes ':'
// and ' ' for the end of a path, would see anything but one word.
func isPlain(value string) bool { return plain.MatchString(value) }

var (
	plain = regexp.MustCompile(`^[A-Za-z0-9/._+-]+$`)
	// vclPath has what VCL takes in a socket's path (_clib_socket_get_string in
	// src/vppinfra/socket.c).
	vclPath = regexp.MustCompile(`^[A-Za-z0-9/._-]+$`)
)

// oneVCL is the network that a program is to use. One process has one.
func oneVCL(entries []contract.Entry, ifName string) (contract.Entry, error) {
	all := slices.DeleteFunc(slices.Clone(entries), func(e contract.Entry) bool { return !isVCL(e) })
	if len(all) == 0 {
		return contract.Entry{}, errors.New(`the pod has no VCL network (iftype "vcl") in its contract`)
	}
	var choices []string
	for _, e := range all {
		choices = append(choices, fmt.Sprintf("%s (network %s)", e.IfName, e.Name))
	}
	named := slices.DeleteFunc(all, func(e contract.Entry) bool { return ifName != "" && e.IfName != ifName })
	switch {
	case len(named) == 1:
		return named[0], nil
	case ifName == "":
		return contract.Entry{}, fmt.Errorf("the pod has several VCL networks, and a process uses one: choose it by --interface: %s", strings.Join(choices, ", "))
	case len(named) == 0:
		return contract.Entry{}, fmt.Errorf("--interface %.64q is no VCL network of the pod; allowed: %s", ifName, strings.Join(choices, ", "))
	}
	return contract.Entry{}, fmt.Errorf("--interface %s is that of several networks: %s", ifName, strings.Join(choices, ", "))
}

// maxVCLPath is the longest path of a socket that VCL takes: it counts the NUL
// twice (clib_socket_init in src/vppinfra/socket.c).
const maxVCLPath = 106

// vclSocket is the endpoint's socket as VCL has it in its configuration. A path
// that VCL can't take goes through a link.
func (a *App) vclSocket(entry contract.Entry) (string, error) {
	if entry.Config.VCL == nil {
		return "", fmt.Errorf("network %s, interface %s: the contract has no vcl block", entry.Name, entry.IfName)
	}
	socket := entry.Config.Socket()
	if socket.Name == "" {
		return "", fmt.Errorf("network %s, interface %s: the contract has no vcl.socketName", entry.Name, entry.IfName)
	}
	if socket.Abstract {
		return "abstract:" + socket.Name, nil
	}
	path, err := filepath.Abs(filepath.Join(a.SharedDir, socket.Name))
	if err != nil {
		return "", err
	}
	if len(path) <= maxVCLPath && vclPath.MatchString(path) {
		return path, nil
	}
	return linkTo(path)
}
