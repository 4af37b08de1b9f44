package cluster

import (
	"path/filepath"

	"github.com/userspace-cni/userspace-cni/test/lab"
)

// podImageDir has the files of the image vpp-userspace-cni, as seen from the tests.
const podImageDir = "../../docker/vpp-userspace-cni"

// PodImage is what the examples' pods start from: vpp-userspace-cni with a VPP, or
// the simulator, of this machine.
func (c *Cluster) PodImage(engine lab.Engine) (Image, error) {
	image := Image{
		Name:       "docker.io/library/vpp-userspace-cni:latest",
		Entrypoint: []string{"/usr/local/bin/start-vpp"},
		Env:        []string{"VPP=" + engine.Path},
		Files: map[string]string{
			"usr/local/bin/usrsp-app": filepath.Join(c.bin, "usrsp-app"),
			"usr/local/bin/start-vpp": filepath.Join(podImageDir, "start-vpp"),
			"etc/vpp/startup.conf":    filepath.Join(podImageDir, "startup.conf"),
		},
	}
	paths, err := lab.ProgramFiles("/bin/bash")
	if err != nil {
		return image, err
	}
	if engine.Real {
		image.Env = []string{"VPP=" + engine.Path + " -c /etc/vpp/startup.conf"}
		vpp, err := lab.VPPFiles(engine.Path)
		if err != nil {
			return image, err
		}
		paths = append(paths, vpp...)
	} else {
		paths = append(paths, engine.Path)
	}
	for _, path := range paths {
		image.Files[path] = path
	}
	return image, nil
}

// VPPCommand starts the VPP of PodImage alone.
func VPPCommand() []string { return []string{"bash", "-c", "exec $VPP"} }
