package deploy

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/yaml"
)

const program = "/usr/local/bin/userspace-node"

// built is the path of the program that the manifests run.
var built = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "userspace-cni-deploy-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "userspace-node")
	return path, exec.Command("go", "build", "-o", path, "../../cmd/userspace-node").Run()
})

func TestMain(m *testing.M) {
	code := m.Run()
	if path, _ := built(); path != "" {
		os.RemoveAll(filepath.Dir(path))
	}
	os.Exit(code)
}

// checkFlags compares arguments with what the program says it has. It looks at
// what starts with dashes alone: a value may follow its flag. A command comes
// first.
func checkFlags(t *testing.T, args []string) {
	t.Helper()
	path, err := built()
	if err != nil {
		t.Fatal(err)
	}
	help := []string{"--help"}
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		help = []string{args[0], "--help"}
	}
	out, err := exec.Command(path, help...).Output()
	if err != nil {
		t.Fatal(err)
	}
	flags := regexp.MustCompile(`--[a-z-]+`).FindAllString(string(out), -1)
	for _, arg := range args {
		name, _, _ := strings.Cut(arg, "=")
		if strings.HasPrefix(name, "-") && !slices.Contains(flags, name) {
			t.Errorf("userspace-node %v: there is no flag %s", args, name)
		}
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile("../../deploy/" + path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// manifest is what the manifest has, in its order.
type manifest struct {
	account corev1.ServiceAccount
	role    rbacv1.ClusterRole
	binding rbacv1.ClusterRoleBinding
	set     appsv1.DaemonSet
}

func readManifest(t *testing.T) (m manifest) {
	t.Helper()
	documents := strings.Split(read(t, "kubernetes/userspace-node.yaml"), "\n---\n")
	into := []any{&m.account, &m.role, &m.binding, &m.set}
	if len(documents) != len(into) {
		t.Fatalf("%d documents, want %d", len(documents), len(into))
	}
	for i, document := range documents {
		if err := yaml.UnmarshalStrict([]byte(document), into[i]); err != nil {
			t.Fatalf("document %d: %v", i+1, err)
		}
	}
	return m
}

func TestManifestNames(t *testing.T) {
	m := readManifest(t)
	for _, kind := range []struct{ got, want string }{
		{m.account.APIVersion + " " + m.account.Kind, "v1 ServiceAccount"},
		{m.role.APIVersion + " " + m.role.Kind, rbacv1.SchemeGroupVersion.String() + " ClusterRole"},
		{m.binding.APIVersion + " " + m.binding.Kind, rbacv1.SchemeGroupVersion.String() + " ClusterRoleBinding"},
		{m.set.APIVersion + " " + m.set.Kind, appsv1.SchemeGroupVersion.String() + " DaemonSet"},
	} {
		if kind.got != kind.want {
			t.Errorf("%s, want %s", kind.got, kind.want)
		}
	}
	if m.account.Namespace != "kube-system" || m.set.Namespace != m.account.Namespace {
		t.Errorf("namespaces %q and %q", m.account.Namespace, m.set.Namespace)
	}
	subject := rbacv1.Subject{Kind: "ServiceAccount", Name: m.account.Name, Namespace: m.account.Namespace}
	if len(m.binding.Subjects) != 1 || m.binding.Subjects[0] != subject {
		t.Errorf("bound to %v, want %v", m.binding.Subjects, subject)
	}
	if role := (rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: m.role.Name}); m.binding.RoleRef != role {
		t.Errorf("binds %v, want %v", m.binding.RoleRef, role)
	}
	pod := m.set.Spec.Template
	if pod.Spec.ServiceAccountName != m.account.Name {
		t.Errorf("runs as %q, want %q", pod.Spec.ServiceAccountName, m.account.Name)
	}
	for key, value := range m.set.Spec.Selector.MatchLabels {
		if pod.Labels[key] != value {
			t.Errorf("selects %s=%s, the pods have %q", key, value, pod.Labels[key])
		}
	}
}

func TestManifestRights(t *testing.T) {
	m := readManifest(t)
	got := map[string]string{}
	for _, rule := range m.role.Rules {
		got[strings.Join(rule.APIGroups, ",")+"/"+strings.Join(rule.Resources, ",")] = strings.Join(rule.Verbs, " ")
	}
	if len(got) != 2 || got["/pods"] != "list watch" || got["/events"] != "create" {
		t.Errorf("rights %v", got)
	}
}

func TestManifestContainer(t *testing.T) {
	pod := readManifest(t).set.Spec.Template
	if len(pod.Spec.Containers) != 1 || !pod.Spec.HostPID || pod.Spec.HostNetwork {
		t.Fatalf("%d containers, hostPID %v, hostNetwork %v", len(pod.Spec.Containers), pod.Spec.HostPID, pod.Spec.HostNetwork)
	}
	c := pod.Spec.Containers[0]
	if !slices.Equal(c.Command, []string{program}) {
		t.Errorf("runs %v", c.Command)
	}
	checkFlags(t, c.Args)
	port := pod.Annotations["prometheus.io/port"]
	if len(c.Ports) != 1 || c.Ports[0].Name != "metrics" || !slices.Contains(c.Args, ":"+port) || port != "9477" {
		t.Errorf("port %s, ports %v, arguments %v", port, c.Ports, c.Args)
	}
	for path, probe := range map[string]*corev1.Probe{"/healthz": c.LivenessProbe, "/readyz": c.ReadinessProbe} {
		if probe == nil || probe.HTTPGet == nil || probe.HTTPGet.Path != path || probe.HTTPGet.Port.StrVal != "metrics" {
			t.Errorf("%s: %v", path, probe)
		}
	}
	for _, value := range c.Env {
		if value.Name == "NODE_NAME" && value.ValueFrom != nil && value.ValueFrom.FieldRef.FieldPath == "spec.nodeName" {
			return
		}
	}
	t.Errorf("no NODE_NAME in %v", c.Env)
}

// TestManifestMounts: the agent, VPP and the plugin must mean the same file by
// the same path.
func TestManifestMounts(t *testing.T) {
	pod := readManifest(t).set.Spec.Template.Spec
	paths := map[string]string{}
	for _, volume := range pod.Volumes {
		if volume.HostPath == nil {
			t.Fatalf("volume %s is not the host's", volume.Name)
		}
		paths[volume.Name] = volume.HostPath.Path
	}
	const writable, live, fixed = "", "propagated", "read-only"
	want := map[string]string{
		"/run/cni": writable, "/run/k8s.cni.cncf.io": writable,
		"/run/vpp": writable, "/run/userspace-cni": writable, "/var/lib/cni": writable,
		"/run/netns": live, "/var/lib/kubelet/pods": live,
		"/opt/cni/bin": fixed, "/etc/userspace-cni": fixed, "/etc/cni/net.d": fixed,
	}
	for _, mount := range pod.Containers[0].VolumeMounts {
		got := writable
		if mount.ReadOnly {
			got = fixed
		}
		if mount.MountPropagation != nil && *mount.MountPropagation == corev1.MountPropagationHostToContainer {
			got += live
		}
		if how, wanted := want[mount.MountPath]; !wanted || how != got || paths[mount.Name] != mount.MountPath {
			t.Errorf("%s is mounted from %q, %q; want %q", mount.MountPath, paths[mount.Name], got, how)
		}
		delete(want, mount.MountPath)
	}
	for path := range want {
		t.Errorf("%s is not mounted", path)
	}
}

var unitLine = regexp.MustCompile(`^(\[[A-Z][A-Za-z]+\]|[A-Z][A-Za-z]+=.+|#.*|)$`)

func TestUnits(t *testing.T) {
	for path, lines := range map[string][]string{
		"systemd/userspace-node.service": {
			"After=vpp.service", "Wants=vpp.service", "Restart=always", "WantedBy=multi-user.target",
			"ExecStart=" + program + " --listen 127.0.0.1:9477",
		},
		"systemd/vpp.service.d/userspace-cni.conf": {"[Service]", "LimitNOFILE=65536"},
	} {
		got := strings.Split(read(t, path), "\n")
		for _, line := range lines {
			if !slices.Contains(got, line) {
				t.Errorf("%s has no line %s", path, line)
			}
		}
		for _, line := range got {
			if !unitLine.MatchString(line) {
				t.Errorf("%s: %q is no line of a unit", path, line)
			}
			if command, ok := strings.CutPrefix(line, "ExecStart="); ok {
				checkFlags(t, strings.Fields(command)[1:])
			}
			for _, isolated := range []string{"PrivateNetwork=", "PrivateMounts=", "NetworkNamespacePath=", "MountFlags="} {
				if strings.HasPrefix(line, isolated) {
					t.Errorf("%s: %s hides pods from the agent", path, line)
				}
			}
		}
	}
}
