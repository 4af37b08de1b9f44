package cluster

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/userspace-cni/userspace-cni/test/lab"
)

// The images of the examples are made from the packages that their Dockerfiles name,
// with the repository's own scripts.

const scripts = "../../docker/"

// TestpmdImage is docker/dpdk-testpmd.
func (c *Cluster) TestpmdImage() (Image, error) {
	image := newImage("docker.io/library/dpdk-testpmd:latest", "start-testpmd")
	image.Files["/usr/local/bin/usrsp-app"] = filepath.Join(c.bin, "usrsp-app")
	image.Files["/usr/local/bin/start-testpmd"] = scripts + "dpdk-testpmd/start-testpmd"
	// All drivers are loaded from there at the start. Those that testpmd is linked
	// with come by themselves; these are the ones of the pods' interfaces.
	const drivers = "/usr/lib/*/dpdk/pmds-*/librte_"
	return image, c.addDebian(&image, "/usr/bin/dpdk-testpmd",
		drivers+"net_memif.so*", drivers+"net_virtio.so*", drivers+"mempool_ring.so*", drivers+"bus_vdev.so*")
}

// IperfImage is that of examples/vpp-vcl-iperf3.
func (c *Cluster) IperfImage() (Image, error) {
	image := newImage("docker.io/library/vcl-iperf3:latest")
	return image, c.addDebian(&image, "/usr/bin/iperf3")
}

// PythonImage stands for Python's own image: Debian's Python, and curl.
func (c *Cluster) PythonImage() (Image, error) {
	image := newImage("docker.io/library/python:3.12-bookworm")
	return image, c.addDebian(&image, "/usr/bin/python3", "/usr/lib/python3*", "/usr/bin/curl", "/usr/share/common-licenses")
}

// AppNetutilImage has the program of test/readers.
func (c *Cluster) AppNetutilImage() Image {
	image := newImage("docker.io/library/app-netutil:latest")
	image.Files["/usr/local/bin/app-netutil"] = filepath.Join(c.bin, "app-netutil")
	return image
}

// VCLImage is docker/vcl-libs. On the simulator, which has no such libraries, it
// brings usrsp-app alone.
func (c *Cluster) VCLImage(engine lab.Engine) (Image, error) {
	image := newImage("docker.io/library/vcl-libs:26.06", "copy-vcl-libs")
	image.Files["/usr/local/bin/copy-vcl-libs"] = scripts + "vcl-libs/copy-vcl-libs"
	image.Files["/opt/vcl/usrsp-app"] = filepath.Join(c.bin, "usrsp-app")
	if !engine.Real {
		return image, nil
	}
	library, missing := lab.VCLLibrary(engine)
	if missing != "" {
		return image, errors.New(missing)
	}
	const collected = "/run/vcl"
	out, err := exec.Command(scripts+"vcl-libs/collect-vcl-libs", filepath.Dir(library), collected).CombinedOutput()
	if err != nil {
		return image, fmt.Errorf("collect-vcl-libs: %w: %s", err, out)
	}
	return image, image.addDir("/opt/vcl", collected)
}

func newImage(name string, entrypoint ...string) Image {
	return Image{Name: name, Entrypoint: entrypoint, Files: map[string]string{}, Links: map[string]string{}}
}

// addDir adds the files in a directory of the node.
func (i *Image) addDir(to, from string) error {
	entries, err := os.ReadDir(from)
	for _, entry := range entries {
		path := filepath.Join(from, entry.Name())
		if link, err := os.Readlink(path); err == nil {
			i.Links[filepath.Join(to, entry.Name())] = link
		} else {
			i.Files[filepath.Join(to, entry.Name())] = path
		}
	}
	return err
}
