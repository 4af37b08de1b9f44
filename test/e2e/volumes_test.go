package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/userspace-cni/userspace-cni/pkg/contract"
	"github.com/userspace-cni/userspace-cni/test/e2e/cluster"
)

// socketLimit is the longest path that a Unix socket may have, in bytes.
const socketLimit = 107

// sharedPath is where a pod has its shared directory on the node.
const sharedPath = "/run/pods/on-the-node"

// shared are pods by how they share a directory with the node, and what else there is
// to check of each.
func shared() map[string]struct {
	change func(*corev1.PodSpec)
	check  func(*testing.T, *corev1.Pod)
} {
	type variant = struct {
		change func(*corev1.PodSpec)
		check  func(*testing.T, *corev1.Pod)
	}
	return map[string]variant{
		"directory-of-the-node": {onTheNode, func(t *testing.T, pod *corev1.Pod) { socketIn(t, pod, sharedPath) }},
		"long-path":             {func(*corev1.PodSpec) {}, checkLong},
		"no-directory":          {withoutDirectory, checkAbstract},
		"read-only-root":        {readOnlyRoot, checkReadOnly},
		"not-root":              {notRoot, checkOwner},
		"two-containers":        {withReader, checkReader},
	}
}

// TestSharedDirectory starts pods that share a directory with the node in each of the
// ways that there are; every one is reached.
func TestSharedDirectory(t *testing.T) {
	clean(t, sharedPath)
	abstract := simple("abstract", "7", "10.70.0.0/16")
	abstract["ipam"].(map[string]any)["rangeStart"] = "10.70.200.1" // the other network has those before
	abstract["host"].(map[string]any)["memif"] = map[string]any{"socketType": "abstract"}
	apply(t, definition(t, simple("blue", "7", "10.70.0.0/16")), definition(t, abstract))

	all := []any{simplePod("from", "blue")}
	for name, variant := range shared() {
		pod := simplePod(name, "blue")
		if name == "no-directory" {
			pod = simplePod(name, "abstract")
		}
		variant.change(&pod.Spec)
		all = append(all, pod)
	}
	apply(t, all...)
	ready(t, len(all))
	connected(t, "from", 1)
	for name, variant := range shared() {
		t.Run(name, func(t *testing.T) {
			connected(t, name, 1)
			pod := getPod(t, name)
			ping(t, "from", statusOf(t, pod)[1].IPs[0])
			variant.check(t, pod)
		})
	}
	deletePods(t)
}

// socketIn checks that a pod's socket is in a directory of the node.
func socketIn(t *testing.T, pod *corev1.Pod, dir string) os.FileInfo {
	t.Helper()
	info, err := os.Lstat(filepath.Join(dir, socketOf(t, pod)))
	if err != nil || info.Mode().Type() != os.ModeSocket {
		t.Fatalf("no socket in %s: %v", dir, err)
	}
	return info
}

// volumeOf is where the kubelet has the pod's volume.
func volumeOf(pod *corev1.Pod) string {
	return fmt.Sprintf("/var/lib/kubelet/pods/%s/volumes/kubernetes.io~empty-dir/shared-dir", pod.UID)
}

func onTheNode(spec *corev1.PodSpec) {
	create := corev1.HostPathDirectoryOrCreate
	spec.Volumes[0].VolumeSource = corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: sharedPath, Type: &create}}
}

func checkLong(t *testing.T, pod *corev1.Pod) {
	t.Helper()
	path := filepath.Join(volumeOf(pod), socketIn(t, pod, volumeOf(pod)).Name())
	if len(path) <= socketLimit {
		t.Errorf("%s has %d bytes, which fit into a socket's address: this tries nothing", path, len(path))
	}
	t.Logf("the socket's path has %d bytes", len(path))
}

// withoutDirectory leaves the volume of the annotations alone.
func withoutDirectory(spec *corev1.PodSpec) {
	spec.Volumes = spec.Volumes[1:]
	spec.Containers[0].VolumeMounts = spec.Containers[0].VolumeMounts[1:]
}

func checkAbstract(t *testing.T, pod *corev1.Pod) {
	t.Helper()
	out, err := inPod(t.Context(), pod.Name, "cat", "/proc/net/unix")
	if err != nil || !strings.Contains(out, "@"+socketOf(t, pod)) {
		t.Errorf("no abstract socket of the contract: %v\n%s", err, out)
	}
}

// socketOf is the name of a pod's socket.
func socketOf(t *testing.T, pod *corev1.Pod) string {
	t.Helper()
	entry, err := entryOf(t.Context(), pod.Name)
	if err != nil {
		t.Fatal(err)
	}
	return entry.Config.Memif.SocketFile
}

// writable gives the container a directory that it may write to.
func writable(spec *corev1.PodSpec, name, path string) {
	spec.Volumes = append(spec.Volumes, corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}})
	spec.Containers[0].VolumeMounts = append(spec.Containers[0].VolumeMounts, corev1.VolumeMount{Name: name, MountPath: path})
}

func readOnlyRoot(spec *corev1.PodSpec) {
	yes := true
	spec.Containers[0].SecurityContext = &corev1.SecurityContext{ReadOnlyRootFilesystem: &yes}
	writable(spec, "run", "/run")
}

func checkReadOnly(t *testing.T, pod *corev1.Pod) {
	t.Helper()
	if out, err := inPod(t.Context(), pod.Name, "touch", "/usr/local/bin/x"); err == nil {
		t.Errorf("the root file system can be written: %s", out)
	}
}

const (
	podUser  = 1000
	podGroup = 2000
)

func notRoot(spec *corev1.PodSpec) {
	yes, user, group := true, int64(podUser), int64(podGroup)
	spec.SecurityContext = &corev1.PodSecurityContext{RunAsNonRoot: &yes, RunAsUser: &user, FSGroup: &group}
	writable(spec, "run", "/run/vpp")
}

func checkOwner(t *testing.T, pod *corev1.Pod) {
	t.Helper()
	info := socketIn(t, pod, volumeOf(pod))
	owner := info.Sys().(*syscall.Stat_t)
	if owner.Uid != podUser || owner.Gid != podGroup || info.Mode().Perm() != 0o660 {
		t.Errorf("the socket is of %d:%d with %o, want %d:%d with 660", owner.Uid, owner.Gid, info.Mode().Perm(), podUser, podGroup)
	}
	if out, err := inPod(t.Context(), pod.Name, "id", "-u"); err != nil || strings.TrimSpace(out) != fmt.Sprint(podUser) {
		t.Errorf("the container runs as %s (%v)", out, err)
	}
}

// withReader adds a container that can't but read.
func withReader(spec *corev1.PodSpec) {
	user := int64(65534)
	mounts := append([]corev1.VolumeMount{}, spec.Containers[0].VolumeMounts...)
	for i := range mounts {
		mounts[i].ReadOnly = true
	}
	spec.Containers = append(spec.Containers, corev1.Container{
		Name: "reader", Image: spec.Containers[0].Image, ImagePullPolicy: corev1.PullNever, VolumeMounts: mounts,
		Command: []string{"/bin/sleep", "2147483647"}, SecurityContext: &corev1.SecurityContext{RunAsUser: &user},
	})
}

// checkReader reads the contract in the other container.
func checkReader(t *testing.T, pod *corev1.Pod) {
	t.Helper()
	out, err := cluster.Kubectl(t.Context(), "", "exec", pod.Name, "-c", "reader", "--", "sh", "-c", "cat /var/lib/cni/usrspcni/configData-*.json")
	if err != nil {
		t.Fatal(err)
	}
	var read contract.Entry
	if err := json.Unmarshal([]byte(out), &read); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	want, err := entryOf(t.Context(), pod.Name)
	if err != nil || read.ContainerID != want.ContainerID || read.IfName != want.IfName {
		t.Errorf("the container reader reads %+v, want %+v (%v)", read, want, err)
	}
	t.Logf("the container reader, with another user, reads: %s on %s of container %.12s", read.Name, read.IfName, read.ContainerID)
}
