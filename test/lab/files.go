package lab

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
)

// ProgramFiles are the paths of programs and of all libraries that they load.
func ProgramFiles(programs ...string) (paths []string, err error) {
	library := regexp.MustCompile(`/\S+`)
	for _, program := range programs {
		out, err := exec.Command("ldd", program).CombinedOutput()
		if err != nil {
			return nil, fmt.Errorf("ldd %s: %w: %s", program, err, out)
		}
		paths = append(append(paths, program), library.FindAllString(string(out), -1)...)
	}
	return paths, nil
}

// VPPFiles are those of a VPP with the plugins that pods need.
func VPPFiles(vpp string) (paths []string, err error) {
	programs := []string{vpp}
	// Beside the program's own place, not beside a link to it.
	real, err := filepath.EvalSymlinks(vpp)
	if err != nil {
		return nil, err
	}
	for _, plugin := range []string{"memif_plugin.so", "ping_plugin.so"} {
		found, _ := filepath.Glob(filepath.Join(filepath.Dir(real), "../lib*/*/vpp_plugins", plugin))
		if len(found) == 0 {
			return nil, fmt.Errorf("%s has no %s", vpp, plugin)
		}
		programs = append(programs, found[0])
	}
	return ProgramFiles(programs...)
}
