package lab

import (
	"os/exec"
	"path/filepath"
)

// VCLLibrary is where the engine's library is that makes a program's sockets VPP's;
// or else what is missing, and how to get it.
func VCLLibrary(engine Engine) (path, missing string) {
	if !engine.Real {
		return "", "the simulator has no host stack: run this on a VPP by VPP=/path/to/vpp make test"
	}
	for _, dir := range []string{filepath.Join(filepath.Dir(engine.Path), "..", "lib", "*"), "/usr/lib/*", "/usr/lib"} {
		found, _ := filepath.Glob(filepath.Join(dir, "libvcl_ldpreload.so*")) // the pattern is well-formed
		if len(found) > 0 {
			return found[0], ""
		}
	}
	return "", "libvcl_ldpreload.so is neither beside " + engine.Path + " nor in /usr/lib: install the package libvppinfra or vpp of the same release, or build all of VPP"
}

// StartIn starts a command in the network namespace at path; empty: in ours. It dies
// with the lab where its attributes say so (Pdeathsig).
func StartIn(path string, cmd *exec.Cmd) error {
	return onThread(func() error { return startIn(path, cmd) })
}
