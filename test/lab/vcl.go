package lab

import (
	"fmt"
	"path/filepath"
	"slices"
)

// vclLibrary is what makes a program's sockets VPP's.
const vclLibrary = "libvcl_ldpreload.so"

// VCLLibrary finds the library of a VPP's release, beside the VPP or where its
// packages put it, or says what is missing and how to get it.
func VCLLibrary(engine Engine) (path, missing string) {
	if !engine.Real {
		return "", "the simulator has no host stack: name a VPP by VPP=/path/to/vpp"
	}
	program := engine.Path
	if real, err := filepath.EvalSymlinks(program); err == nil {
		program = real
	}
	prefix := filepath.Dir(filepath.Dir(program))
	dirs := []string{filepath.Join(prefix, "lib", "*"), filepath.Join(prefix, "lib*"), "/usr/lib/*", "/usr/lib*"}
	for _, dir := range dirs {
		// The name without a release is a development package's on Debian.
		for _, name := range []string{vclLibrary, vclLibrary + ".*"} {
			found, _ := filepath.Glob(filepath.Join(dir, name)) // the pattern is well-formed
			if len(found) > 0 {
				return slices.Max(found), ""
			}
		}
	}
	return "", fmt.Sprintf("%s is in none of %s: it is part of VPP's Debian package vpp and of its build (make install)", vclLibrary, dirs)
}
