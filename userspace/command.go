package userspace

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/containernetworking/cni/pkg/skel"

	"github.com/userspace-cni/userspace-cni/pkg/logging"
	"github.com/userspace-cni/userspace-cni/pkg/netconf"
	"github.com/userspace-cni/userspace-cni/pkg/state"
)

// commandTimeout bounds what a person starts.
const commandTimeout = 2 * time.Minute

const usage = `userspace is a CNI plugin: a container runtime runs it. A person may run

  userspace list  [--json]     the attachments of this node, their endpoints and links
  userspace check [--json]     what would repair those that aren't intact; exit code 1 if there are any
  userspace gc    [--dry-run]  remove what no pod uses any more
  userspace doctor [--json] [--kubeconfig FILE]
                               what this node lacks, and how to mend it; exit code 1 if a check failed
  userspace version
  userspace help

--vpp-api-socket names a VPP that no record does; left out, it is the node's. IPAM plugins
are looked for in CNI_PATH, or else beside this program.
`

// options are the flags of all commands.
type options struct {
	json, dryRun bool
	apiSocket    string
	kubeconfig   string
}

// commands are what a person can ask for. Each returns whether all is well.
var commands = map[string]func(*person, context.Context) (bool, error){
	"list":   (*person).list,
	"check":  (*person).check,
	"gc":     (*person).gc,
	"doctor": (*person).doctor,
}

// person is one command of a person.
type person struct {
	*call
	options
	// gone says why a record's pod is no more, or nothing; nil: nobody knows.
	gone func(*state.Record) string
}

// Command does what a person asks for on the command line and returns the exit
// code: 0, 1 when something isn't well, 2 when the command makes no sense.
func (p *Plugin) Command(args []string) int {
	name := args[0]
	switch name {
	case "version", "--version":
		fmt.Fprintln(p.Stdout, About)
		return 0
	case "help", "--help", "-h":
		fmt.Fprint(p.Stdout, usage)
		return 0
	}
	do, ok := commands[name]
	if !ok {
		fmt.Fprintf(p.Stderr, "userspace: there is no command %q\n\n%s", name, usage)
		return 2
	}
	o := options{apiSocket: p.Node.VPPAPISocket}
	flags := o.flags(name, p.Stderr)
	if err := flags.Parse(args[1:]); errors.Is(err, flag.ErrHelp) {
		return 0
	} else if err != nil || flags.NArg() > 0 {
		fmt.Fprintf(p.Stderr, "userspace %s: unexpected %q\n", name, flags.Args())
		return 2
	}
	well, err := p.run(o, do)
	if err != nil {
		fmt.Fprintf(p.Stderr, "userspace %s: %v\n", name, err)
	}
	if err != nil || !well {
		return 1
	}
	return 0
}

func (o *options) flags(name string, output io.Writer) *flag.FlagSet {
	flags := flag.NewFlagSet("userspace "+name, flag.ContinueOnError)
	flags.SetOutput(output)
	flags.StringVar(&o.apiSocket, "vpp-api-socket", o.apiSocket, "API socket of a VPP")
	if name == "gc" {
		flags.BoolVar(&o.dryRun, "dry-run", false, "say what would be removed, and remove nothing")
	} else {
		flags.BoolVar(&o.json, "json", false, "print JSON")
	}
	if name == "doctor" {
		flags.StringVar(&o.kubeconfig, "kubeconfig", "", "credentials that networks name")
	}
	return flags
}

func (p *Plugin) run(o options, do func(*person, context.Context) (bool, error)) (bool, error) {
	if err := besideUs(); err != nil {
		return false, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), commandTimeout)
	defer cancel()
	log, closeLog := logging.New(p.Stderr, "", "warning")
	defer closeLog()
	return do(p.person(log, o), ctx)
}

// person is one who calls without a configuration, about any attachment.
func (p *Plugin) person(log *slog.Logger, o options) *person {
	c := &call{Plugin: p, args: &skel.CmdArgs{}, conf: &netconf.NetConf{}, invalid: errNoConfiguration, log: log}
	return &person{call: c, options: o}
}

// errNoConfiguration: a person gives none, and the record's can't be read.
var errNoConfiguration = errors.New("there is no network configuration")

// besideUs lets IPAM plugins be found in this program's own directory: CNI_PATH
// is what only a runtime sets.
func besideUs() error {
	if os.Getenv("CNI_PATH") != "" {
		return nil
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	return os.Setenv("CNI_PATH", filepath.Dir(self))
}

func (p *person) printJSON(v any) error {
	encoder := json.NewEncoder(p.Stdout)
	encoder.SetIndent("", "  ")
	return encoder.Encode(v)
}
