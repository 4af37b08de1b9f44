package deploy

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

// image is the one of all DaemonSets.
const image = "ghcr.io/userspace-cni/userspace-cni:latest"

func daemonSet(t *testing.T, path string) *appsv1.DaemonSet {
	t.Helper()
	var set appsv1.DaemonSet
	if err := yaml.UnmarshalStrict([]byte(read(t, path)), &set); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return &set
}

// TestInstaller: what installs and what uninstalls mean the same places, have the
// flags that the program knows, and may do no more than they must.
func TestInstaller(t *testing.T) {
	for path, want := range map[string]struct {
		command, account string
		mounts           []string
	}{
		"kubernetes/userspace-install.yaml":             {"install", "userspace", []string{"/opt/cni/bin", "/etc/userspace-cni", "/run/userspace-cni"}},
		"kubernetes/uninstall/userspace-uninstall.yaml": {"uninstall", "", []string{"/opt/cni/bin", "/etc/userspace-cni", "/run/userspace-cni", "/var/lib/cni"}},
	} {
		set := daemonSet(t, path)
		pod := set.Spec.Template.Spec
		c := pod.Containers[0]
		if len(c.Args) == 0 || c.Args[0] != want.command || c.Command[0] != program || c.Image != image || c.ImagePullPolicy != corev1.PullIfNotPresent {
			t.Errorf("%s runs %v %v of %s (%s)", path, c.Command, c.Args, c.Image, c.ImagePullPolicy)
		}
		checkFlags(t, c.Args)
		if pod.ServiceAccountName != want.account || *pod.AutomountServiceAccountToken || pod.HostNetwork || pod.HostPID {
			t.Errorf("%s runs as %q, with a token %v", path, pod.ServiceAccountName, *pod.AutomountServiceAccountToken)
		}
		security := c.SecurityContext
		if security.Privileged != nil || *security.AllowPrivilegeEscalation || !*security.ReadOnlyRootFilesystem ||
			!slices.Equal(security.Capabilities.Drop, []corev1.Capability{"ALL"}) || !slices.Equal(security.Capabilities.Add, []corev1.Capability{"DAC_OVERRIDE"}) {
			t.Errorf("%s may do more than it must: %v", path, security)
		}
		if slices.Contains(c.Args, "--force") || c.ReadinessProbe.HTTPGet.Path != "/readyz" {
			t.Errorf("%s: ready by %v, with %v", path, c.ReadinessProbe.HTTPGet, c.Args)
		}
		checkHostPaths(t, path, pod, want.mounts)
	}
}

// TestInstallerUpdate: the next installer is there before the one before it ends.
func TestInstallerUpdate(t *testing.T) {
	update := daemonSet(t, "kubernetes/userspace-install.yaml").Spec.UpdateStrategy.RollingUpdate
	if update.MaxSurge.IntValue() != 1 || update.MaxUnavailable.IntValue() != 0 {
		t.Errorf("updated by %v", update)
	}
}

// checkHostPaths: a path in the container is the node's, but for the CNI directory,
// whose place may be another.
func checkHostPaths(t *testing.T, path string, pod corev1.PodSpec, want []string) {
	t.Helper()
	host := map[string]string{}
	for _, volume := range pod.Volumes {
		if volume.HostPath != nil {
			host[volume.Name] = volume.HostPath.Path
		}
	}
	var got []string
	for _, mount := range pod.Containers[0].VolumeMounts {
		if host[mount.Name] == mount.MountPath {
			got = append(got, mount.MountPath)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s has %v of the node, want %v", path, got, want)
	}
}

// TestInstallerToken: the plugin's token is the pod's, which binds it to the node,
// and is renewed.
func TestInstallerToken(t *testing.T) {
	for _, volume := range daemonSet(t, "kubernetes/userspace-install.yaml").Spec.Template.Spec.Volumes {
		if volume.Projected == nil {
			continue
		}
		token := volume.Projected.Sources[0].ServiceAccountToken
		if token == nil || token.Path != "token" || token.Audience != "" || *token.ExpirationSeconds != 3600 {
			t.Errorf("token %v", token)
		}
		return
	}
	t.Error("there is no projected token")
}

// TestKustomizations: each names every manifest beside it.
func TestKustomizations(t *testing.T) {
	for _, dir := range []string{"kubernetes", "kubernetes/uninstall", "openshift", "openshift/uninstall", "vpp"} {
		var k struct {
			APIVersion, Kind string
			Resources        []string
			Patches          []struct {
				Target struct{ Kind, Name string }
				Patch  string
			}
		}
		if err := yaml.UnmarshalStrict([]byte(read(t, dir+"/kustomization.yaml")), &k); err != nil {
			t.Fatalf("%s: %v", dir, err)
		}
		files, err := filepath.Glob("../../deploy/" + dir + "/*.yaml")
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if name := filepath.Base(file); name != "kustomization.yaml" && !slices.Contains(k.Resources, name) {
				t.Errorf("%s leaves out %s", dir, name)
			}
		}
		for _, name := range k.Resources {
			if _, err := os.Stat("../../deploy/" + dir + "/" + name); err != nil {
				t.Error(err)
			}
		}
		for _, p := range k.Patches {
			var set appsv1.DaemonSet
			if err := yaml.UnmarshalStrict([]byte(p.Patch), &set); err != nil || p.Target.Kind != "DaemonSet" {
				t.Errorf("%s: patch of %v: %v", dir, p.Target, err)
			}
			for _, volume := range set.Spec.Template.Spec.Volumes {
				if !strings.Contains(read(t, "kubernetes/userspace-node.yaml"), "- name: "+volume.Name+"\n          hostPath:") {
					t.Errorf("%s: there is no volume %s to change", dir, volume.Name)
				}
			}
		}
	}
}
