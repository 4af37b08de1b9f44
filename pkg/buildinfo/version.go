package buildinfo

import "runtime/debug"

// Version is that of the module, as the go command recorded it in the binary: a
// tag, a pseudo-version, or "(devel)".
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "(devel)"
	}
	return info.Main.Version
}
