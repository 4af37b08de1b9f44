package netconf

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/userspace-cni/userspace-cni/pkg/internal/fields"
)

// ErrEnvironment marks a fault of CNI_ARGS, for which CNI has an error code of
// its own, 4. Test for it with errors.Is.
var ErrEnvironment = errors.New("invalid environment")

// Args is what CNI_ARGS says. What it doesn't say is empty.
type Args struct {
	// AnyPod tells that the call is about no pod, or about one whose requests aren't
	// known: nothing is missing that a pod may bring.
	AnyPod bool

	PodName          string // K8S_POD_NAME
	PodNamespace     string // K8S_POD_NAMESPACE
	PodUID           string // K8S_POD_UID
	InfraContainerID string // K8S_POD_INFRA_CONTAINER_ID: the sandbox
	// RequestedMAC is aa:bb:cc:dd:ee:ff in lower case.
	RequestedMAC string
	// RequestedIPs has those that came without a prefix length as prefixes
	// that are not valid, whose Addr is.
	RequestedIPs []netip.Prefix
	// Warnings holds what deserves one line in the log each.
	Warnings []string
}

// ParseArgs reads CNI_ARGS: KEY=value pairs with a semicolon between them.
// Where pairs are wrong, the error is an [Errors] that names each, and Args has
// what is right, so that DEL can go on. Unknown keys are ignored, with a
// warning unless IgnoreUnknown is set; the last of equal keys counts, as in
// CNI's own types.LoadArgs.
func ParseArgs(cniArgs string) (Args, error) {
	p := argsParser{}
	for pair := range strings.SplitSeq(cniArgs, ";") {
		if pair != "" {
			p.pair(pair)
		}
	}
	if len(p.unknown) > 0 && !p.ignoreUnknown {
		p.args.Warnings = append(p.args.Warnings, "unknown keys in CNI_ARGS are ignored: "+strings.Join(p.unknown, ", "))
	}
	if len(p.faults) > 0 {
		return p.args, p.faults
	}
	return p.args, nil
}

type argsParser struct {
	args          Args
	faults        Errors
	unknown       []string
	ignoreUnknown bool
}

func (p *argsParser) pair(pair string) {
	key, value, ok := strings.Cut(pair, "=")
	if !ok || key == "" {
		p.faults = append(p.faults, &Error{
			In: "environment", Field: "CNI_ARGS", Value: short(pair),
			Problem: "is not a pair", Allowed: "KEY=value pairs with ';' between them", Err: ErrEnvironment,
		})
		return
	}
	switch key {
	case "IgnoreUnknown":
		p.take(key, value, truth(), func(v string) { p.ignoreUnknown = v == "1" || fields.Lower(v) == "true" })
	case "K8S_POD_NAME":
		p.take(key, value, kubernetesName(), func(v string) { p.args.PodName = v })
	case "K8S_POD_NAMESPACE":
		p.take(key, value, kubernetesName(), func(v string) { p.args.PodNamespace = v })
	case "K8S_POD_UID":
		p.take(key, value, kubernetesName(), func(v string) { p.args.PodUID = v })
	case "K8S_POD_INFRA_CONTAINER_ID":
		p.take(key, value, kubernetesName(), func(v string) { p.args.InfraContainerID = v })
	case "MAC":
		p.take(key, value, macAddress(), func(v string) { p.args.RequestedMAC = canonicalMAC(v) })
	case "IP":
		p.addresses(key, value)
	default:
		p.unknown = append(p.unknown, short(key))
	}
}

// addresses reads several with a comma between them, as Multus writes them.
func (p *argsParser) addresses(key, value string) {
	p.args.RequestedIPs = nil
	for v := range strings.SplitSeq(value, ",") {
		p.take(key, v, address(), func(v string) { p.args.RequestedIPs = append(p.args.RequestedIPs, parseAddress(v)) })
	}
}

// take takes a value that follows its rule; an empty one means left out.
func (p *argsParser) take(key, value string, ru fields.Rule[string], set func(string)) {
	switch {
	case value == "":
	case ru.OK(value):
		set(value)
	default:
		p.faults = append(p.faults, &Error{
			In: "environment", Field: "CNI_ARGS " + key, Value: short(value),
			Problem: "is not allowed", Allowed: ru.Allowed, Err: ErrEnvironment,
		})
	}
}

func truth() fields.Rule[string] {
	return fields.Rule[string]{Allowed: "1, true, 0, false", OK: func(v string) bool {
		v = fields.Lower(v)
		return v == "1" || v == "true" || v == "0" || v == "false"
	}}
}

// kubernetesName is lax about letters, but nothing in it leads out of a path.
func kubernetesName() fields.Rule[string] {
	const most = 253
	return fields.Rule[string]{
		Allowed: fmt.Sprintf("at most %d letters, digits, '_', '.' and '-', beginning with a letter or digit", most),
		OK:      func(v string) bool { return len(v) <= most && fields.IsWord(v) },
	}
}

func short(v string) string {
	const most = 64
	if len(v) > most {
		return fmt.Sprintf("%q…", v[:most])
	}
	return fmt.Sprintf("%q", v)
}
