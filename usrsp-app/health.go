package usrspapp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/userspace-cni/userspace-cni/cnivpp"
	"github.com/userspace-cni/userspace-cni/pkg/contract"
	"github.com/userspace-cni/userspace-cni/pkg/netconf"
)

// ErrUnhealthy tells that the reason has been said.
var ErrUnhealthy = errors.New("not healthy")

// HealthOptions say what is looked at.
type HealthOptions struct {
	// Interface is the network's in the pod; empty: all.
	Interface string
	// Connect is an address to connect to over VCL; the zero value: none.
	Connect netip.AddrPort
	// Within bounds one check.
	Within time.Duration
	// Library is libvcl_ldpreload.so; empty: where it commonly is.
	Library string
}

// Health writes one line that says whether the pod's endpoints are alive.
func (a *App) Health(ctx context.Context, out io.Writer, options HealthOptions) error {
	if options.Within <= 0 {
		return fmt.Errorf("--within %s is not allowed; allowed: above zero", options.Within)
	}
	line, good := a.check(ctx, options)
	fmt.Fprintln(out, line)
	if !good {
		return ErrUnhealthy
	}
	return nil
}

// finding is what a check has found out about a network.
type finding struct {
	text string
	bad  bool
}

// check looks at every endpoint of the contract, at all of them at a time, and
// waits for no contract.
func (a *App) check(ctx context.Context, options HealthOptions) (line string, good bool) {
	ctx, cancel := context.WithTimeout(ctx, options.Within)
	defer cancel()
	entries, err := a.told(options.Interface)
	if err != nil {
		return "bad: " + oneLine(err.Error()), false
	}
	checks := a.checks(entries, options)
	found := make([]finding, len(checks))
	var wait sync.WaitGroup
	for i, look := range checks {
		wait.Go(func() { found[i] = look(ctx) })
	}
	wait.Wait()
	return summary(found)
}

// told is the contract as it is now.
func (a *App) told(ifName string) ([]contract.Entry, error) {
	c := newCompanion(a)
	if err := c.read(); err != nil {
		return nil, err
	}
	if len(c.entries) == 0 {
		return nil, fmt.Errorf("no contract in %s (is the pod's shared directory mounted there? did the CNI plugin's ADD succeed?)", a.SharedDir)
	}
	entries := slices.DeleteFunc(slices.Clone(c.entries), func(e contract.Entry) bool { return ifName != "" && e.IfName != ifName })
	if len(entries) == 0 {
		return nil, fmt.Errorf("the contract has no interface %.64q", ifName)
	}
	return entries, nil
}

// checks are those of every network, and of the connection where one is asked for.
func (a *App) checks(entries []contract.Entry, options HealthOptions) []func(context.Context) finding {
	var all []func(context.Context) finding
	var vpp onVPP
	for _, e := range entries {
		all = append(all, func(ctx context.Context) finding {
			text, err := a.checkEntry(ctx, e, &vpp, options.Within)
			if err != nil {
				return finding{fmt.Sprintf("network %s, interface %s: %s", e.Name, e.IfName, err), true}
			}
			return finding{fmt.Sprintf("%s/%s %s", e.Name, e.IfName, text), false}
		})
	}
	if options.Connect.IsValid() {
		all = append(all, func(ctx context.Context) finding {
			if err := a.connect(ctx, entries, options); err != nil {
				return finding{fmt.Sprintf("no connection to %s: %s", options.Connect, err), true}
			}
			return finding{options.Connect.String() + " accepts connections", false}
		})
	}
	return all
}

func (a *App) checkEntry(ctx context.Context, e contract.Entry, vpp *onVPP, within time.Duration) (string, error) {
	switch e.Config.IfType {
	case netconf.IfTypeVCL:
		return a.checkVCL(ctx, e, within)
	case netconf.IfTypeVhostUser:
		return a.checkVhost(e)
	case netconf.IfTypeMemif:
		return vpp.checkMemif(ctx, a, e)
	}
	return fmt.Sprintf("not checked (iftype %.64q)", e.Config.IfType), nil
}

// summary is one line: of a pod that isn't well, what is bad about it.
func summary(found []finding) (line string, good bool) {
	var fine, bad []string
	for _, f := range found {
		if f.bad {
			bad = append(bad, oneLine(f.text))
		} else {
			fine = append(fine, oneLine(f.text))
		}
	}
	if len(bad) > 0 {
		return "bad: " + strings.Join(bad, "; "), false
	}
	return "good: " + strings.Join(fine, ", "), true
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// checkVCL attaches as an application would.
func (a *App) checkVCL(ctx context.Context, e contract.Entry, within time.Duration) (string, error) {
	configured, err := a.vclSocket(e)
	if err != nil {
		return "", err
	}
	socket := configured
	if name, abstract := strings.CutPrefix(configured, "abstract:"); abstract {
		socket = "@" + name
	}
	if err := attach(ctx, socket); err != nil {
		return "", fmt.Errorf("no answer on %s: %s", socket, explain(err, within))
	}
	return "VCL answers on " + socket, nil
}

// checkVhost sees no more than whether somebody has the socket open.
func (a *App) checkVhost(e contract.Entry) (string, error) {
	path := filepath.Join(a.SharedDir, e.Config.Socket().Name)
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", fmt.Errorf("there is no socket %s (has its end been started?)", path)
	case err != nil:
		return "", err
	case info.Mode().Type() != fs.ModeSocket:
		return "", fmt.Errorf("%s is not a socket", path)
	}
	if len(path) > maxPath {
		return "vhost-user has its socket", nil
	}
	if abandoned, err := isAbandoned(path); err != nil || abandoned {
		return "", errors.Join(err, fmt.Errorf("nobody listens on %s (was its end restarted?)", path))
	}
	return "vhost-user has its socket", nil
}

// onVPP is what the container's VPP has, which is asked once.
type onVPP struct {
	sync.Once
	interfaces []cnivpp.Found
	// absent tells that there is no VPP, so that an application has the memifs.
	absent bool
	err    error
}

func (v *onVPP) list(ctx context.Context, a *App) {
	if _, err := os.Stat(a.VPPAPISocket); errors.Is(err, fs.ErrNotExist) {
		v.absent = true
		return
	}
	engine := &cnivpp.Engine{Socket: a.VPPAPISocket, Locks: noLocks{}, Log: a.Log}
	v.interfaces, v.err = engine.List(ctx, cnivpp.TagPrefix, false)
}

// checkMemif goes by the link, which is up while both ends are connected.
func (v *onVPP) checkMemif(ctx context.Context, a *App, e contract.Entry) (string, error) {
	v.Do(func() { v.list(ctx, a) })
	if v.err != nil {
		return "", v.err
	}
	if v.absent {
		return "memif not checked (the application's)", nil
	}
	at := slices.IndexFunc(v.interfaces, func(f cnivpp.Found) bool {
		return f.Tag == tagOf(e) && strings.HasPrefix(f.Name, netconf.IfTypeMemif)
	})
	switch {
	case at < 0:
		return "", errors.New("the container's VPP has no interface for it (does usrsp-app run?)")
	case !v.interfaces[at].Link:
		return "", fmt.Errorf("%s has no link (was the host's VPP restarted?)", v.interfaces[at].Name)
	}
	return v.interfaces[at].Name + " has link", nil
}
