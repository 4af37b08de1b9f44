package cluster

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

const pauseImage = "registry.k8s.io/pause:e2e"

// Image is what a container starts from: one layer, with busybox for a shell.
type Image struct {
	// Name with registry and tag, as in docker.io/library/NAME:latest.
	Name       string
	Entrypoint []string
	// Env are further variables.
	Env []string
	// Files are the node's, by their path in the image.
	Files map[string]string
	// Links are by their path in the image.
	Links map[string]string
	// Texts are what else is in files, by their path in the image.
	Texts map[string]string
}

// pause is what holds a pod's namespaces.
func (c *Cluster) pause() Image {
	return Image{Name: pauseImage, Entrypoint: []string{"/bin/sleep", "2147483647"}}
}

// Import hands images to containerd as docker save writes them. One that it has
// stays.
func (c *Cluster) Import(ctx context.Context, images ...Image) error {
	for _, image := range images {
		if c.imported[image.Name] {
			continue
		}
		archive, err := image.archive(filepath.Join(c.cache, "deb/bin/busybox"))
		if err != nil {
			return fmt.Errorf("%s: %w", image.Name, err)
		}
		file := "/run/image.tar"
		if err := os.WriteFile(file, archive, 0o600); err != nil {
			return err
		}
		if err := ctr(ctx, "images", "import", file); err != nil {
			return fmt.Errorf("%s: %w", image.Name, err)
		}
		if err := os.Remove(file); err != nil {
			return err
		}
		c.imported[image.Name] = true
	}
	return nil
}

// archive is the image as a file.
func (i Image) archive(busybox string) ([]byte, error) {
	layer, err := i.layer(busybox)
	if err != nil {
		return nil, err
	}
	config, err := json.Marshal(map[string]any{
		"architecture": runtime.GOARCH, "os": "linux",
		"config": map[string]any{"Entrypoint": i.Entrypoint, "Env": append([]string{"PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}, i.Env...)},
		"rootfs": map[string]any{"type": "layers", "diff_ids": []string{fmt.Sprintf("sha256:%x", sha256.Sum256(layer))}},
	})
	if err != nil {
		return nil, err
	}
	manifest, err := json.Marshal([]any{map[string]any{"Config": "config.json", "RepoTags": []string{i.Name}, "Layers": []string{"layer.tar"}}})
	if err != nil {
		return nil, err
	}
	archive := newArchive()
	archive.file("manifest.json", 0o644, manifest)
	archive.file("config.json", 0o644, config)
	archive.file("layer.tar", 0o644, layer)
	return archive.close()
}

func (i Image) layer(busybox string) ([]byte, error) {
	layer := newArchive()
	layer.dir("tmp", 0o1777)
	for _, dir := range []string{"proc", "sys", "dev", "etc", "run", "root", "var/log"} {
		layer.dir(dir, 0o755)
	}
	layer.link("var/run", "../run")
	layer.copy("bin/busybox", busybox)
	applets, err := exec.Command(busybox, "--list").Output()
	if err != nil {
		return nil, err
	}
	for _, applet := range strings.Fields(string(applets)) {
		if applet != "busybox" {
			layer.link("bin/"+applet, "busybox")
		}
	}
	for to, from := range i.Files {
		layer.copy(to, from)
	}
	for path, to := range i.Links {
		layer.link(path, to)
	}
	for to, text := range i.Texts {
		layer.file(to, 0o644, []byte(text))
	}
	return layer.close()
}

// archive is a tar file that is being written. The first error stays.
type archive struct {
	buffer bytes.Buffer
	writer *tar.Writer
	dirs   []string
	err    error
}

func newArchive() *archive {
	a := &archive{}
	a.writer = tar.NewWriter(&a.buffer)
	return a
}

func (a *archive) add(header tar.Header, content []byte) {
	if a.err != nil {
		return
	}
	header.Name = strings.TrimPrefix(header.Name, "/")
	if dir := path.Dir(strings.TrimSuffix(header.Name, "/")); dir != "." {
		a.dir(dir, 0o755)
	}
	header.Size = int64(len(content))
	if a.err = a.writer.WriteHeader(&header); a.err == nil {
		_, a.err = a.writer.Write(content)
	}
}

func (a *archive) dir(name string, mode int64) {
	if slices.Contains(a.dirs, name) {
		return
	}
	a.dirs = append(a.dirs, name)
	a.add(tar.Header{Typeflag: tar.TypeDir, Name: name + "/", Mode: mode}, nil)
}

func (a *archive) link(name, to string) {
	a.add(tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: to, Mode: 0o777}, nil)
}

func (a *archive) file(name string, mode int64, content []byte) {
	a.add(tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: mode}, content)
}

// copy copies a file of the node, with what it can be executed by.
func (a *archive) copy(name, from string) {
	file, err := os.Open(from)
	if err != nil {
		a.fail(err)
		return
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		a.fail(err)
		return
	}
	content, err := io.ReadAll(file)
	a.fail(err)
	a.file(name, int64(info.Mode().Perm()), content)
}

func (a *archive) fail(err error) {
	if a.err == nil {
		a.err = err
	}
}

func (a *archive) close() ([]byte, error) {
	a.fail(a.writer.Close())
	return a.buffer.Bytes(), a.err
}
