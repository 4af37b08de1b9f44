// Command userspace is the CNI plugin that makes memif, vhost-user and VCL
// endpoints on the VPP of the host.
package main

import (
	"os"
	"time"

	"github.com/containernetworking/cni/pkg/skel"
	"github.com/containernetworking/cni/pkg/version"

	"github.com/userspace-cni/userspace-cni/pkg/nodeconf"
	"github.com/userspace-cni/userspace-cni/pkg/state"
	"github.com/userspace-cni/userspace-cni/userspace"
)

func main() {
	node, err := nodeconf.Load(nodeconf.DefaultPath)
	if err != nil {
		node = nodeconf.Default() // DEL goes on with these; ADD says what is wrong
	}
	plugin := &userspace.Plugin{
		Stdout:  os.Stdout,
		Stderr:  os.Stderr,
		Now:     time.Now,
		Store:   state.Files{Dir: node.RecordsDir},
		Locks:   state.Locks{Dir: node.RecordsDir, Inherited: true},
		Shared:  state.Locks{Dir: node.RecordsDir},
		Names:   state.Names{Dir: node.RecordsDir},
		IPAM:    userspace.DelegatedIPAM{},
		Links:   node.RecordsDir + "/d",
		Node:    node,
		NodeErr: err,
	}
	if os.Getenv("CNI_COMMAND") == "" && len(os.Args) > 1 {
		os.Exit(plugin.Command(os.Args[1:]))
	}
	skel.PluginMainFuncs(plugin.Funcs(), version.PluginSupports("0.3.1", "0.4.0", "1.0.0", "1.1.0"), userspace.About)
}
