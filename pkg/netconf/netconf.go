package netconf

import (
	"net/netip"

	"github.com/containernetworking/cni/pkg/types"
)

// NetConf is one network's configuration. [Parse] returns it validated and
// complete: every default filled in, the container's side derived.
//
// It deliberately doesn't embed types.PluginConf, whose promoted MarshalJSON
// drops the fields of the struct around it.
type NetConf struct {
	CNIVersion string // one of 0.3.1, 0.4.0, 1.0.0, 1.1.0
	Name       string // CNI's alphabet: letters, digits, '_', '.', '-'
	Type       string // the plugin's own name; not looked at
	IPAM       IPAM
	DNS        types.DNS // handed on to the result

	KubeConfig   string // path of a kubeconfig; empty: the contract goes by file alone
	SharedDir    string // absolute path, or empty for the default
	LogFile      string
	LogLevel     string // lower case: panic, error, warning, info, debug, verbose; or empty
	VPPAPISocket string // absolute path of VPP's binary API socket

	Host      Side // what is made on the host
	Container Side // what the pod is told to make

	// RequestedMAC is what the pod or the runtime asks for; Container.MAC has it
	// already.
	RequestedMAC string
	// RequestedIPs are addresses that the pod or the runtime asks for. An IPAM
	// plugin reads them from stdin and CNI_ARGS itself; without one see
	// [NetConf.StaticAddresses]. Those that came without a prefix length are
	// prefixes that are not valid, whose Addr is.
	RequestedIPs []netip.Prefix

	// DeviceInfoFile is where the runtime wants to read what the pod got as its
	// device (pkg/deviceinfo); empty: nowhere.
	DeviceInfoFile string

	// anyPod: see [Args].
	anyPod bool

	// namesSocket: the network has a VPPAPISocket of its own.
	namesSocket bool

	// Warnings holds what deserves one line in the log each: fields that have
	// no effect here, keys that look like a misspelling.
	Warnings []string
}

// IPAM is the little that the plugin has to know of the ipam block; the IPAM
// plugin gets the whole of stdin unchanged.
type IPAM struct {
	Type string // the IPAM plugin's name; empty: no IPAM
}
