package metrics

import (
	"time"

	"github.com/userspace-cni/userspace-cni/userspace-node/stats"
)

// View is what the agent knows at the moment of a scrape.
type View struct {
	Attachments []Attachment
	Vswitches   []Vswitch
	// Orphans is how many endpoints of ours on VPP belong to no attachment.
	Orphans int
}

// Attachment is one attachment of the node.
type Attachment struct {
	Kind, Network string
	// State is up, down, disabled, missing, incomplete, damaged or unknown.
	State string
	// Namespace and Pod are empty for one that no pod is known of; IfName is the
	// pod's name for the interface.
	Namespace, Pod, IfName string
	// Interface is VPP's name for the endpoint, on the VPP whose API socket is
	// Socket.
	Interface, Socket string
}

// Vswitch is one VPP of the node.
type Vswitch struct {
	// Socket is its API socket, which tells it from others.
	Socket string
	// Release is its version text, empty when it was never heard.
	Release string
	Up      bool
	Uptime  time.Duration
	// Counters are those of its interfaces, by VPP's name; nil when they can't
	// be read.
	Counters map[string]stats.Counters
}
