// Command userspace is the CNI plugin that makes memif, vhost-user and VCL
// endpoints on the VPP of the host.
package main

import (
	"os"

	"github.com/containernetworking/cni/pkg/skel"
	"github.com/containernetworking/cni/pkg/version"

	"github.com/userspace-cni/userspace-cni/pkg/nodeconf"
	"github.com/userspace-cni/userspace-cni/userspace"
)

func main() {
	plugin := userspace.New(nodeconf.Load(nodeconf.DefaultPath))
	if os.Getenv("CNI_COMMAND") == "" && len(os.Args) > 1 {
		os.Exit(plugin.Command(os.Args[1:]))
	}
	skel.PluginMainFuncs(plugin.Funcs(), version.PluginSupports("0.3.1", "0.4.0", "1.0.0", "1.1.0"), userspace.About)
}
