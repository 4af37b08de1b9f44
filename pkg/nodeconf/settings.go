package nodeconf

import (
	"slices"
	"time"
)

// DefaultPath is where the node settings are.
const DefaultPath = "/etc/userspace-cni/node.json"

// KubeConfigName is the file beside the settings with the plugin's own
// credentials, which its installation makes and keeps valid.
const KubeConfigName = "plugin.kubeconfig"

// All grants every name.
const All = "*"

// Settings are a node's.
type Settings struct {
	VPPAPISocket  string        // absolute path; for networks that name none
	AddTimeout    time.Duration // for one ADD
	DelTimeout    time.Duration // for one DEL
	StatusTimeout time.Duration // for one STATUS
	LogFile       string        // absolute path, or empty; for networks that name none
	LogLevel      string        // lower case, or empty; likewise
	RecordsDir    string        // absolute path of the records
	// KubeConfig is the absolute path of the plugin's own credentials, which
	// replace those that networks name; empty: networks' own.
	KubeConfig string
	// AllowHostSlave lets networks make the host's end of a memif a slave,
	// which lets a pod stop all of VPP.
	AllowHostSlave bool
	// Grants say what namespaces may name. Nil limits nothing; once there is a
	// list, even an empty one, only what is in it is granted.
	Grants []Grant
}

// Grant lets the pods of some namespaces name some of the node's objects. Each
// list may have [All].
type Grant struct {
	Namespaces    []string
	Bridges       []string // keys of bridge domains, see netconf's Bridge.Key
	VRFs          []string // decimal numbers of tables; 0 is VPP's default
	Uplinks       []string // VPP's interfaces
	VPPAPISockets []string // absolute paths, beside the node's own
}

// Default is what holds on a node without settings.
func Default() Settings {
	return Settings{
		VPPAPISocket:  "/run/vpp/api.sock",
		AddTimeout:    30 * time.Second,
		DelTimeout:    10 * time.Second,
		StatusTimeout: 10 * time.Second,
		RecordsDir:    "/run/userspace-cni",
	}
}

// Granted lists what the pods of a namespace may name of one kind, which is a
// list of [Grant]; all is true where that is everything. A pod without a
// namespace has what is granted to all of them.
func (s Settings) Granted(namespace string, kind func(Grant) []string) (names []string, all bool) {
	if s.Grants == nil {
		return nil, true
	}
	for _, g := range s.Grants {
		if slices.Contains(g.Namespaces, All) || namespace != "" && slices.Contains(g.Namespaces, namespace) {
			names = append(names, kind(g)...)
		}
	}
	if slices.Contains(names, All) {
		return nil, true
	}
	slices.Sort(names)
	return slices.Compact(names), false
}
