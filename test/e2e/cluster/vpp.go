package cluster

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"

	"github.com/userspace-cni/userspace-cni/test/lab"
)

// PodImage is what the examples' pods start from: a VPP, or the simulator, and
// usrsp-app beside it.
func (c *Cluster) PodImage(engine lab.Engine) (Image, error) {
	image := Image{
		Name:       "docker.io/library/vpp-userspace-cni:latest",
		Entrypoint: []string{"/usr/local/bin/start"},
		Files:      map[string]string{"usr/local/bin/usrsp-app": filepath.Join(c.bin, "usrsp-app")},
		Scripts:    map[string]string{"usr/local/bin/start": "#!/bin/sh\n# Starts VPP, and usrsp-app beside it.\nmkdir -p /run/vpp\n" + startEngine(engine) + " &\nexec usrsp-app\n"},
	}
	if !engine.Real {
		image.Files["usr/local/bin/vppsim"] = engine.Path
		return image, nil
	}
	image.Scripts["etc/vpp/startup.conf"] = startup
	return image, addVPP(image.Files, engine.Path)
}

// VPPCommand starts the VPP of PodImage alone.
func VPPCommand(engine lab.Engine) []string {
	return []string{"sh", "-c", "exec " + startEngine(engine)}
}

func startEngine(engine lab.Engine) string {
	if engine.Real {
		return engine.Path + " -c /etc/vpp/startup.conf"
	}
	return "vppsim"
}

// startup is for many VPPs on a small machine: without hugepages, with little
// memory, and sleeping between polls.
const startup = `unix { nodaemon nosyslog runtime-dir /run/vpp cli-listen /run/vpp/cli.sock log /run/vpp/vpp.log poll-sleep-usec 100 }
socksvr { default }
memory { main-heap-size 128M main-heap-page-size 4k }
buffers { buffers-per-numa 4096 page-size 4k }
physmem { max-size 128M }
statseg { size 16M page-size 4k }
plugins { plugin default { disable } plugin memif_plugin.so { enable } plugin ping_plugin.so { enable } }
`

// addVPP adds a VPP with the plugins that pods need, and all libraries, each at the
// path that it has here.
func addVPP(files map[string]string, vpp string) error {
	programs := []string{vpp}
	// Beside the program's own place, not beside a link to it.
	real, err := filepath.EvalSymlinks(vpp)
	if err != nil {
		return err
	}
	for _, plugin := range []string{"memif_plugin.so", "ping_plugin.so"} {
		found, _ := filepath.Glob(filepath.Join(filepath.Dir(real), "../lib*/*/vpp_plugins", plugin))
		if len(found) == 0 {
			return fmt.Errorf("%s has no %s", vpp, plugin)
		}
		programs = append(programs, found[0])
	}
	library := regexp.MustCompile(`/\S+`)
	for _, program := range programs {
		files[program] = program
		out, err := exec.Command("ldd", program).CombinedOutput()
		if err != nil {
			return fmt.Errorf("ldd %s: %w: %s", program, err, out)
		}
		for _, path := range library.FindAllString(string(out), -1) {
			files[path] = path
		}
	}
	return nil
}
