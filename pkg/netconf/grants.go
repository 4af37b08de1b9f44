package netconf

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/userspace-cni/userspace-cni/pkg/nodeconf"
)

// ApplyNode fills in what the network leaves to the node: VPP's API socket, log
// file and log level. The node's own credentials replace the network's: those
// that networks written for other plugins name are Multus', and may not patch
// pods. It holds for what [Parse] returns, and [ParseForDelete].
func (c *NetConf) ApplyNode(node nodeconf.Settings) {
	if !c.namesSocket && node.VPPAPISocket != "" {
		c.VPPAPISocket = node.VPPAPISocket
	}
	if c.LogFile == "" {
		c.LogFile = node.LogFile
	}
	if c.LogLevel == "" {
		c.LogLevel = node.LogLevel
	}
	if node.KubeConfig != "" {
		c.KubeConfig = node.KubeConfig
	}
	// For DEL there is no block that isn't given.
	if vcl := c.Host.VCL; c.Host.IfType == IfTypeVCL && vcl != nil && vcl.Default == VCLDisable && c.KubeConfig == "" {
		c.Warnings = append(c.Warnings, "host.vcl.default is \"disable\" and there is no kubeconfig, by which pods' annotations are read: no pod gets an endpoint")
	}
}

// CheckGrants tells whether the node lets the pods of a namespace have what the
// configuration asks for; the namespace is empty where there is no Kubernetes.
// Its error is an [Errors] with everything that isn't granted. It is for ADD: a
// grant that is taken back must not keep DEL or CHECK from their work.
func (c *NetConf) CheckGrants(node nodeconf.Settings, podNamespace string) error {
	g := grants{node: node, namespace: podNamespace}
	if memif(c.Host).Role == RoleSlave && !node.AllowHostSlave {
		g.faults = append(g.faults, &Error{
			Field: "host.memif.role", Value: strconv.Quote(RoleSlave),
			Problem: "is not allowed by the node settings (a slave on the host connects blockingly in VPP's main thread)",
			Allowed: `"master"; any, with allowHostSlave in ` + nodeconf.DefaultPath,
		})
	}
	if b := c.Host.Bridge; b != nil {
		g.check("host.bridge", b.Key(), func(g nodeconf.Grant) []string { return g.Bridges })
		if b.Uplink != "" {
			g.check("host.bridge.uplink", b.Uplink, func(g nodeconf.Grant) []string { return g.Uplinks })
		}
	}
	if c.Host.NetType == NetTypeInterface {
		g.check("host.vrf", strconv.FormatUint(uint64(c.Host.VRF), 10), func(g nodeconf.Grant) []string { return g.VRFs })
	}
	if c.namesSocket && c.VPPAPISocket != node.VPPAPISocket {
		g.check("vppApiSocket", c.VPPAPISocket, func(g nodeconf.Grant) []string { return g.VPPAPISockets })
	}
	if len(g.faults) == 0 {
		return nil
	}
	return g.faults
}

// grants collects what isn't granted to a namespace.
type grants struct {
	node      nodeconf.Settings
	namespace string
	faults    Errors
}

func (g *grants) check(field, name string, kind func(nodeconf.Grant) []string) {
	names, all := g.node.Granted(g.namespace, kind)
	for _, n := range names {
		all = all || n == name
	}
	if all {
		return
	}
	to := fmt.Sprintf("namespace %q", g.namespace)
	if g.namespace == "" {
		to = "a pod without namespace"
	}
	g.faults = append(g.faults, &Error{
		Field: field, Value: strconv.Quote(name),
		Problem: fmt.Sprintf("is not granted to %s by the node settings", to),
		Allowed: quoted(names) + "; more, with grants in " + nodeconf.DefaultPath,
	})
}

func quoted(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	var all []string
	for _, n := range names {
		all = append(all, strconv.Quote(n))
	}
	return strings.Join(all, ", ")
}
