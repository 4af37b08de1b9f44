package cnivpp

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/userspace-cni/userspace-cni/cnivpp/vpp"
)

// Found is an interface of ours as it is on VPP.
type Found struct {
	vpp.Interface
	// Peer is what it is connected to; empty: nothing, or it wasn't asked for.
	Peer string
}

// loopback begins the name of every loopback.
const loopback = "loop"

// Number is the one that the interface was made with: 7 for memif7/0 and loop7.
// It is false for a name that has none.
func (f Found) Number() (uint32, bool) {
	digits, numbered := strings.CutPrefix(f.Name, loopback)
	if !numbered {
		if digits, numbered = strings.CutSuffix(f.Name, "/0"); numbered {
			digits, numbered = strings.CutPrefix(digits, "memif")
		}
	}
	number, err := strconv.ParseUint(digits, 10, 32)
	return uint32(number), numbered && err == nil
}

// List returns the interfaces whose tags begin with the prefix, all over one
// session; on demand with their peers, which costs a request for each.
func (e *Engine) List(ctx context.Context, prefix string, peers bool) ([]Found, error) {
	session, err := vpp.Connect(ctx, e.Socket)
	if err != nil {
		return nil, err
	}
	defer session.Close()
	interfaces, err := session.Interfaces(ctx)
	if err != nil {
		return nil, err
	}
	var all []Found
	for _, iface := range interfaces {
		if prefix == "" || !strings.HasPrefix(iface.Tag, prefix) {
			continue
		}
		found := Found{Interface: iface}
		if peers && iface.Link {
			shown, err := show(ctx, session, iface)
			if err != nil {
				return nil, err
			}
			found.Peer = shown.Peer
		}
		all = append(all, found)
	}
	return all, nil
}

// Network names what the spec joins on the host, to a person.
func (s Spec) Network() string {
	switch {
	case s.Domain != nil:
		text := fmt.Sprintf("bridge-domain %d", s.Domain.ID)
		if s.Domain.Named {
			text += " (" + strings.TrimPrefix(s.Domain.Tag, ownTag+":") + ")"
		}
		if s.Domain.Uplink != "" {
			text += " uplink " + s.Domain.Uplink
		}
		return text
	case s.Gateway != nil:
		return fmt.Sprintf("table %d (%s)", s.Gateway.Table, s.Gateway.Interface())
	case isHost(s.Kind):
		return fmt.Sprintf("table %d", s.table())
	}
	return "none"
}
