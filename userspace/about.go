package userspace

import "runtime/debug"

// About is what the plugin prints when a person runs it.
var About = "userspace " + Version() + ", a CNI plugin for endpoints on the host's VPP (see README.md)"

// Version is that of the module, as the go command recorded it in the binary.
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "(devel)"
	}
	return info.Main.Version
}
