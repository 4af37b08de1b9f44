package shareddir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/userspace-cni/userspace-cni/pkg/internal/fields"
)

// VolumeName is the name of the volume that a pod gives to the shared
// directory.
const VolumeName = "shared-dir"

// DefaultKubelet is where the kubelet keeps the pods' directories (its
// --root-dir).
const DefaultKubelet = "/var/lib/kubelet"

// Volume is one of a pod's volumes, as far as it says where it is on the host.
type Volume struct {
	Name string
	// HostPath is the path on the host, HostPathType one of the types of
	// Kubernetes: empty, DirectoryOrCreate, Directory, File, ...
	HostPath, HostPathType string
	EmptyDir               bool
}

// ErrVolume means that the pod has a volume shared-dir that can't be used.
var ErrVolume = errors.New("the pod's volume " + VolumeName)

// InVolume is the directory that the pod shares by its volume shared-dir; false
// where it has none. The sockets and files are directly in the volume's root:
// in a directory below, the pod could put a link in that directory's place.
//
// kubelet is the kubelet's root directory, uid the pod's as the kubelet knows
// it, links and name are those of [At].
func InVolume(volumes []Volume, kubelet, uid, links, name string) (Dir, bool, error) {
	for _, v := range volumes {
		if v.Name == VolumeName {
			d, err := v.dir(kubelet, uid, links, name)
			if err != nil {
				err = fmt.Errorf("%w: %w", ErrVolume, err)
			}
			return d, true, err
		}
	}
	return Dir{}, false, nil
}

func (v Volume) dir(kubelet, uid, links, name string) (Dir, error) {
	path, mayMake := v.HostPath, false
	switch {
	case v.EmptyDir && !fields.IsWord(uid):
		return Dir{}, fmt.Errorf("the pod's UID %q can't be part of a path", uid)
	case v.EmptyDir:
		path = filepath.Join(kubelet, "pods", uid, "volumes", "kubernetes.io~empty-dir", v.Name)
	case path == "":
		return Dir{}, errors.New("is neither a hostPath nor an emptyDir")
	case !filepath.IsAbs(path) || filepath.Clean(path) == "/":
		return Dir{}, fmt.Errorf("hostPath.path is %q; allowed: an absolute path below /", path)
	case v.HostPathType == "" || v.HostPathType == "DirectoryOrCreate":
		mayMake = true // as the container runtime or the kubelet would
	case v.HostPathType != "Directory":
		return Dir{}, fmt.Errorf("hostPath.type is %q; allowed: Directory, DirectoryOrCreate or none", v.HostPathType)
	}
	d := At(path, links, name)
	d.Volume, d.mayMake = true, mayMake
	return d, nil
}

// findVolume looks whether the volume is there, makes it where it may be made,
// and makes the link to it.
func (d Dir) findVolume() error {
	root, err := d.open()
	if errors.Is(err, fs.ErrNotExist) && d.mayMake {
		if err = d.makeVolume(); err == nil {
			root, err = d.open()
		}
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w is not there: %s must exist before the network is attached: %w", ErrVolume, d.Path, err)
	case err != nil:
		return fmt.Errorf("%w: %w", ErrVolume, err)
	}
	root.Close()
	return d.EnsureLink()
}

// makeVolume makes the directory as the kubelet makes it for DirectoryOrCreate,
// with the directories above it.
func (d Dir) makeVolume() error {
	if err := os.MkdirAll(filepath.Dir(d.Path), dirMode); err != nil {
		return err
	}
	err := os.Mkdir(d.Path, dirMode)
	if errors.Is(err, fs.ErrExist) {
		return nil // somebody was faster; what it is, open will see
	}
	if err != nil {
		return err
	}
	root, err := d.open()
	if err != nil {
		return err
	}
	defer root.Close()
	return root.Chmod(".", dirMode) // whatever the umask is
}

// Owner is the owning user and group of the directory itself, not of what a
// link in its place leads to.
func (d Dir) Owner() (uid, gid int, err error) {
	root, err := d.open()
	if err != nil {
		return 0, 0, err
	}
	defer root.Close()
	info, err := root.Stat(".")
	if err != nil {
		return 0, 0, fmt.Errorf("shared directory %s: %w", d.Path, err)
	}
	stat := info.Sys().(*syscall.Stat_t)
	return int(stat.Uid), int(stat.Gid), nil
}
