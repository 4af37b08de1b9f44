package userspace

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"text/tabwriter"

	current "github.com/containernetworking/cni/pkg/types/100"

	"github.com/userspace-cni/userspace-cni/pkg/netconf"
	"github.com/userspace-cni/userspace-cni/pkg/state"
	"github.com/userspace-cni/userspace-cni/pkg/vppapi"
)

// row is an attachment as list shows it.
type row struct {
	state.Attachment
	// Pod is namespace/name, or the container's short ID where no pod is known.
	Pod  string `json:"pod"`
	Done bool   `json:"done"`
	// Interface and JoinedTo are the endpoint's name and network on the host.
	Interface string `json:"interface"`
	JoinedTo  string `json:"joinedTo"`
	// Addresses are the pod's.
	Addresses []string `json:"addresses"`
	Socket    string   `json:"socket"`
	APISocket string   `json:"apiSocket"`
	// Link is up, down (no peer), disabled, missing, off (the pod wants no endpoint), or
	// what VPP's state is.
	Link string `json:"link"`
	Peer string `json:"peer"`
}

// list shows the attachments that have records. A VPP that is down is a state to
// show, not a failure.
func (p *person) list(ctx context.Context) (bool, error) {
	records, failed := p.records()
	vswitches := p.vswitches(ctx, records, true)
	rows := make([]row, 0, len(records))
	for _, r := range records {
		rows = append(rows, p.row(r, vswitches[vswitchOf(r)]))
	}
	if p.json {
		failed = append(failed, p.printJSON(rows))
	} else {
		failed = append(failed, p.printRows(rows))
	}
	err := errors.Join(failed...)
	return err == nil, err
}

// records are all, ordered for reading.
func (p *person) records() ([]*state.Record, []error) {
	records, failed := p.Store.List()
	slices.SortFunc(records, func(a, b *state.Record) int {
		return cmp.Or(cmp.Compare(podOf(a), podOf(b)), cmp.Compare(len(a.IfName), len(b.IfName)),
			cmp.Compare(a.IfName, b.IfName), cmp.Compare(a.Network, b.Network))
	})
	return records, failed
}

// podOf names the pod, or else its container.
func podOf(r *state.Record) string {
	if r.Pod == nil {
		return r.ShortID()
	}
	return r.Pod.Namespace + "/" + r.Pod.Name
}

// at is where a vswitch is.
type at struct{ engine, socket string }

func vswitchOf(r *state.Record) at { return at{r.Engine, r.Socket} }

// vswitch is what one says of our endpoints, by their tags, or why it doesn't.
type vswitch struct {
	endpoints map[string]Listed
	err       error
}

// vswitches asks each vswitch that a record names once.
func (p *person) vswitches(ctx context.Context, records []*state.Record, peers bool) map[at]vswitch {
	all := map[at]vswitch{}
	for _, r := range records {
		if _, ok := all[vswitchOf(r)]; !ok {
			all[vswitchOf(r)] = p.ask(ctx, vswitchOf(r), peers)
		}
	}
	return all
}

func (p *person) ask(ctx context.Context, where at, peers bool) vswitch {
	engine, err := p.engine(where.engine, where.socket)
	if err != nil {
		return vswitch{err: err}
	}
	ctx, cancel := context.WithTimeout(ctx, p.Node.StatusTimeout)
	defer cancel()
	listed, err := engine.List(ctx, tagPrefix, peers)
	endpoints := map[string]Listed{}
	for _, endpoint := range listed {
		endpoints[endpoint.Tag] = endpoint
	}
	return vswitch{endpoints, err}
}

func (p *person) row(r *state.Record, v vswitch) row {
	shown := row{Attachment: r.Attachment, Pod: podOf(r), Done: r.Done, Addresses: []string{}, APISocket: r.Socket}
	if summary, err := p.summarize(r); err == nil {
		shown.Interface, shown.JoinedTo = summary.Interface, summary.Network
	}
	var result current.Result
	if json.Unmarshal(r.Result, &result) == nil {
		for _, ip := range result.IPs {
			shown.Addresses = append(shown.Addresses, ip.Address.String())
		}
		for _, iface := range result.Interfaces {
			shown.Socket = iface.SocketPath
		}
	}
	endpoint, there := v.endpoints[tagPrefix+r.Key()]
	shown.Link, shown.Peer = linkOf(endpoint, there, v.err), endpoint.Peer
	if r.Off {
		shown.Link = "off"
	}
	return shown
}

func (p *person) summarize(r *state.Record) (Summary, error) {
	if r.Spec == nil {
		return Summary{}, nil
	}
	engine, err := p.engine(r.Engine, r.Socket)
	if err != nil {
		return Summary{}, err
	}
	return engine.Summarize(r.Spec)
}

func linkOf(endpoint Listed, there bool, err error) string {
	switch {
	case errors.Is(err, vppapi.ErrNotRunning):
		return "VPP is not running"
	case errors.Is(err, vppapi.ErrNoAnswer):
		return "VPP does not answer"
	case err != nil:
		return err.Error()
	case !there:
		return "missing"
	case !endpoint.Up:
		return "disabled"
	case !endpoint.Link:
		return "down"
	}
	return "up"
}

func (p *person) printRows(rows []row) error {
	if len(rows) == 0 {
		_, err := fmt.Fprintln(p.Stdout, "no attachments")
		return err
	}
	table := tabwriter.NewWriter(p.Stdout, 0, 8, 2, ' ', 0)
	fmt.Fprintln(table, "POD\tIFNAME\tNETWORK\tENDPOINT\tJOINED TO\tSTATE\tLINK\tPEER\tSOCKET")
	for _, r := range rows {
		done := "incomplete"
		if r.Done {
			done = "done"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", r.Pod, r.IfName, r.Network,
			dash(r.Interface), dash(r.JoinedTo), done, r.Link, dash(r.Peer), dash(r.Socket))
	}
	return table.Flush()
}

func dash(s string) string { return cmp.Or(s, "-") }

// finding is an attachment that isn't intact.
type finding struct {
	state.Attachment
	Pod string `json:"pod"`
	// Plan has the steps of a repair, one a line; Error says why there is none.
	Plan  string `json:"plan,omitempty"`
	Error string `json:"error,omitempty"`
}

// check shows the plans of all attachments that aren't as ADD left them.
func (p *person) check(ctx context.Context) (bool, error) {
	records, failed := p.records()
	findings := []finding{}
	for _, r := range records {
		if f := p.inspect(ctx, r); f.Plan != "" || f.Error != "" {
			findings = append(findings, f)
		}
	}
	if p.json {
		failed = append(failed, p.printJSON(findings))
	} else {
		p.printFindings(findings, len(records))
	}
	err := errors.Join(failed...)
	return err == nil && len(findings) == 0, err
}

func (p *person) inspect(ctx context.Context, r *state.Record) finding {
	f := finding{Attachment: r.Attachment, Pod: podOf(r)}
	if !r.Done {
		f.Error = "incomplete: an ADD or a DEL is under way, or was ended on its way"
		return f
	}
	if r.Off {
		return f
	}
	ctx, cancel := context.WithTimeout(ctx, p.Node.StatusTimeout)
	defer cancel()
	plan, err := p.of(r).differences(ctx, r, Engine.Check)
	f.Plan = plan
	if err != nil {
		f.Error = err.Error()
	}
	return f
}

func (p *person) printFindings(findings []finding, count int) {
	for _, f := range findings {
		fmt.Fprintf(p.Stdout, "%s:\n%s", describe(f.Attachment, f.Pod), indent(f.Plan+f.Error))
	}
	fmt.Fprintf(p.Stdout, "%d attachments, %d not intact\n", count, len(findings))
}

// known are the vswitches that records name, and the one of the command line.
func (p *person) known(records []*state.Record) []at {
	all := []at{{netconf.EngineVPP, filepath.Clean(p.apiSocket)}}
	for _, r := range records {
		if !slices.Contains(all, vswitchOf(r)) {
			all = append(all, vswitchOf(r))
		}
	}
	return all
}
