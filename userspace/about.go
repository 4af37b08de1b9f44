package userspace

import "github.com/userspace-cni/userspace-cni/pkg/buildinfo"

// About is what the plugin prints when a person runs it.
var About = "userspace " + Version() + ", a CNI plugin for endpoints on the host's VPP (see README.md)"

// Version is the release that the plugin, and what keeps its work, is of.
func Version() string { return buildinfo.Version() }
