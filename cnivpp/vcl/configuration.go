package vcl

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/userspace-cni/userspace-cni/cnivpp/vpp"
	"github.com/userspace-cni/userspace-cni/pkg/netconf"
	"github.com/userspace-cni/userspace-cni/pkg/vpppath"
)

// Endpoint describes the pod as a host of VPP's own: a loopback, and the
// application namespace that is bound to it.
type Endpoint struct {
	// Instance numbers the loopback, 1 to vpp.MaxLoopback, of our own choosing: it is
	// called loop<Instance> after it.
	Instance uint32 `json:"instance"`
	// MAC is the loopback's.
	MAC string `json:"mac"`
	// Tag is that of the loopback; the namespace's id is made of it.
	Tag string `json:"tag"`
	// Socket is where applications attach themselves, in VPP's notation: an absolute
	// path, or "abstract:NAME,netns_name=PATH".
	Socket string `json:"socket"`
}

var _ vpp.Part = Endpoint{}

// Configure makes the endpoint that a validated side of a network configuration
// describes, with the given identifiers.
func Configure(side netconf.Side, id vpp.Identity) (Endpoint, error) {
	if side.VCL == nil {
		return Endpoint{}, fmt.Errorf("iftype is vcl but the block vcl is missing")
	}
	e := Endpoint{Instance: id.Number, MAC: side.MAC, Tag: id.Tag, Socket: id.Socket}
	if e.MAC == "" {
		e.MAC = id.MAC
	}
	return e, e.validate()
}

// Decode reads an endpoint from a record.
func Decode(raw json.RawMessage) (Endpoint, error) {
	var e Endpoint
	if err := json.Unmarshal(raw, &e); err != nil {
		return e, fmt.Errorf("VCL endpoint: %w", err)
	}
	return e, e.validate()
}

// validate repeats what would hurt VPP if it came from a damaged record.
func (e Endpoint) validate() error {
	if e.Instance == 0 || e.Instance > vpp.MaxLoopback {
		return fmt.Errorf("loopback %d is not allowed; allowed: 1 to %d", e.Instance, vpp.MaxLoopback)
	}
	if _, err := vpp.ParseMAC(e.MAC); err != nil {
		return fmt.Errorf("VCL %w", err)
	}
	if len(e.namespace().id()) > maxID {
		return fmt.Errorf("tag %q is too long for an application namespace's id", e.Tag)
	}
	_, err := parseSocket(e.Socket)
	return err
}

// Interface is the name that VPP gives the loopback.
func (e Endpoint) Interface() string { return fmt.Sprintf("loop%d", e.Instance) }

// Instances of VCL endpoints lie above those of routed networks' gateways. The
// search for a free one goes upwards and needs room behind its start.
const (
	lowestInstance = vpp.MaxGateway + 1
	highestStart   = vpp.MaxLoopback - 2048
)

// Number is the instance at which the search for a free one starts, for the
// attachment with the given key.
func Number(key string) uint32 {
	return vpp.Spread("VCL loopback "+key, lowestInstance, highestStart)
}

// socket is one in VPP's notation, taken apart.
type socket struct {
	// path is the file's, or that of the network namespace of an abstract socket.
	path string
	// name is the abstract one; empty: it is a file.
	name string
}

func parseSocket(text string) (socket, error) {
	rest, abstract := strings.CutPrefix(text, "abstract:")
	if !abstract {
		if !vpppath.IsPath(text) || len(text) > vpppath.MaxSocket {
			return socket{}, fmt.Errorf("VCL socket %q is not allowed; allowed: an absolute path of at most %d letters, digits and \"/_.-\"", text, vpppath.MaxSocket)
		}
		return socket{path: text}, nil
	}
	name, path, _ := strings.Cut(rest, ",netns_name=")
	if name == "" || len(name) > vpppath.MaxAbstract || strings.ContainsFunc(name, vpppath.Ends) || !vpppath.IsPath(path) {
		return socket{}, fmt.Errorf("VCL socket %q is not allowed; allowed: abstract:NAME,netns_name=PATH of letters, digits and \"/_.-\", NAME at most %d bytes",
			text, vpppath.MaxAbstract)
	}
	return socket{path: path, name: name}, nil
}
