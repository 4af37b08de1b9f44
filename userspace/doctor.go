package userspace

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/userspace-cni/userspace-cni/cnivpp"
	"github.com/userspace-cni/userspace-cni/pkg/procfs"
	"github.com/userspace-cni/userspace-cni/pkg/state"
)

// checks are what the doctor looks at, in the order of its report. A new one is
// one line here.
var checks = []struct {
	name string
	look func(*patient, context.Context) diagnosis
}{
	{"node settings", (*patient).settings},
	{"VPP", (*patient).running},
	{"VPP's API socket", (*patient).apiAccess},
	{"VPP's plugins", (*patient).plugins},
	{"VPP's session layer", (*patient).sessionLayer},
	{"VPP's file descriptors", (*patient).fileDescriptors},
	{"VPP's capabilities", (*patient).capabilities},
	{"VPP sees network namespaces", (*patient).seesNamespaces},
	{"VPP sees pod volumes", (*patient).seesVolumes},
	{"VPP reaches shared directories", (*patient).reachesDirectories},
	{"hugepages", (*patient).hugepages},
	{"records", (*patient).recordsDir},
	{"shared directories", (*patient).sharedDirs},
	{"CNI plugins", (*patient).cniPlugins},
	{"CNI configuration", (*patient).cniConfiguration},
	{"kubeconfig", (*patient).credentials},
	{"rights on pods", (*patient).rights},
}

// Outcomes of a check.
const (
	wellStatus    = "ok"
	warningStatus = "warning"
	failedStatus  = "failed"
	skippedStatus = "skipped"
)

// diagnosis is what one check found.
type diagnosis struct {
	Name   string `json:"name"`
	Status string `json:"status"`
	Found  string `json:"found"`
	// Mend says what to do; empty where there is nothing to.
	Mend string `json:"mend"`
}

func well(found string) diagnosis { return diagnosis{Status: wellStatus, Found: found} }

func warning(found, mend string) diagnosis {
	return diagnosis{Status: warningStatus, Found: found, Mend: mend}
}

func failed(found, mend string) diagnosis {
	return diagnosis{Status: failedStatus, Found: found, Mend: mend}
}

func skipped(found, mend string) diagnosis {
	return diagnosis{Status: skippedStatus, Found: found, Mend: mend}
}

// patient is the node as all checks see it. They only read it: one that is given
// up goes on beside the others.
type patient struct {
	*Plugin
	records    []*state.Record
	apiSocket  string
	kubeconfig string
	proc       procfs.Dir
	// vpp is what there is to know of VPP, vppErr why it can't be asked.
	vpp    cnivpp.Examined
	vppErr error
}

// doctor looks at all that an ADD needs on this node, and goes on whatever it
// finds. It changes nothing.
func (p *person) doctor(ctx context.Context) (bool, error) {
	node := p.patient(ctx)
	all, intact := []diagnosis{}, true
	for _, check := range checks {
		found := node.bounded(ctx, check.look)
		found.Name = check.name
		intact = intact && found.Status != failedStatus
		all = append(all, found)
	}
	if p.json {
		return intact, p.printJSON(all)
	}
	return intact, p.printDiagnoses(all)
}

// patient asks VPP once for all checks: one that hangs costs its time once.
func (p *person) patient(ctx context.Context) *patient {
	records, _ := p.Store.List() // damaged ones are `userspace list`'s to tell
	node := &patient{
		Plugin: p.Plugin, records: records, proc: procfs.Default,
		apiSocket: p.apiSocket, kubeconfig: p.kubeconfig,
	}
	ctx, cancel := context.WithTimeout(ctx, p.Node.StatusTimeout)
	defer cancel()
	node.vpp, node.vppErr = cnivpp.Examine(ctx, p.apiSocket)
	return node
}

// bounded makes one check, and gives it up when its time is over: a file system
// whose server is gone answers nobody.
func (p *patient) bounded(ctx context.Context, look func(*patient, context.Context) diagnosis) diagnosis {
	ctx, cancel := context.WithTimeout(ctx, p.Node.StatusTimeout)
	defer cancel()
	found := make(chan diagnosis, 1)
	go func() { found <- look(p, ctx) }()
	select {
	case d := <-found:
		return d
	case <-ctx.Done():
	}
	select {
	case d := <-found: // it noticed the deadline itself, and says what was late
		return d
	case <-time.After(reapTimeout):
		return failed("not known: the check did not end in time",
			"see whether a file system of this node hangs (df), or give it more time by statusTimeout of the node settings")
	}
}

func (p *person) printDiagnoses(all []diagnosis) error {
	for _, d := range all {
		label := d.Status
		if label == failedStatus {
			label = "FAILED" // it must catch the eye
		}
		if _, err := fmt.Fprintf(p.Stdout, "%-7s  %s: %s\n", label, d.Name, oneLine(d.Found)); err != nil {
			return err
		}
		if d.Mend != "" {
			fmt.Fprintf(p.Stdout, "         -> %s\n", oneLine(d.Mend))
		}
	}
	return nil
}

// oneLine joins what errors.Join keeps apart.
func oneLine(text string) string { return strings.ReplaceAll(strings.TrimSpace(text), "\n", "; ") }
