package kube

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"

	"github.com/userspace-cni/userspace-cni/pkg/shareddir"
)

// Ref names a pod.
type Ref struct {
	Namespace, Name string
	// UID tells the pod from its predecessors and successors of the same name;
	// empty where it isn't known.
	UID string
}

// Pod is what the plugin needs to know of a pod.
type Pod struct {
	// Ref is the API server's, with the UID.
	Ref
	// KubeletUID is the UID under which the kubelet keeps the pod's directories:
	// that of a static pod is not the one the API server gave to its mirror.
	KubeletUID string
	NodeName   string
	// Annotations is nil where there are none.
	Annotations map[string]string
	Volumes     []shareddir.Volume
	// Mounts are where containers see the root of the volume shared-dir: those of
	// containers before those of init containers, in the pod's order.
	Mounts []Mount
	// Security is the pod's, for all containers that don't say otherwise.
	Security Security
	// FSGroup is the group that the kubelet gives to volumes; nil: none.
	FSGroup *int64
}

// Mount is where one container sees the shared directory.
type Mount struct {
	Container, Path string
	ReadOnly        bool
	// Security is what the container runs as.
	Security Security
}

// Security is the user and the group that processes run as; nil where the pod
// leaves it to the image.
type Security struct {
	RunAsUser  *int64 `json:"runAsUser"`
	RunAsGroup *int64 `json:"runAsGroup"`
	// RunAsNonRoot is the promise that the user isn't root, whoever it is.
	RunAsNonRoot *bool `json:"runAsNonRoot"`
}

// IsOther tells whether the user is known and isn't root.
func (s Security) IsOther() bool { return s.RunAsUser != nil && *s.RunAsUser != 0 }

// IsUnknown tells whether the user isn't root, and nothing says who it is.
func (s Security) IsUnknown() bool {
	return s.RunAsUser == nil && s.RunAsNonRoot != nil && *s.RunAsNonRoot
}

// or is the container's security with the pod's for what it leaves out.
func (s Security) or(pod Security) Security {
	return Security{
		RunAsUser:    cmp.Or(s.RunAsUser, pod.RunAsUser),
		RunAsGroup:   cmp.Or(s.RunAsGroup, pod.RunAsGroup),
		RunAsNonRoot: cmp.Or(s.RunAsNonRoot, pod.RunAsNonRoot),
	}
}

// MountPath is where the pod sees the shared directory: the first of its mounts;
// empty where there is none.
func (p *Pod) MountPath() string {
	if len(p.Mounts) == 0 {
		return ""
	}
	return p.Mounts[0].Path
}

// Users are those that the containers with the shared directory run as; the
// pod's where none has one.
func (p *Pod) Users() []Security {
	if len(p.Mounts) == 0 {
		return []Security{p.Security}
	}
	all := make([]Security, len(p.Mounts))
	for i, mount := range p.Mounts {
		all[i] = mount.Security
	}
	return all
}

// Pod asks for a pod. It returns ErrNotFound where there is none, and
// ErrReplaced where the UID is another one's.
func (c *Client) Pod(ctx context.Context, ref Ref) (*Pod, error) {
	ctx, cancel := limited(ctx)
	defer cancel()
	if err := ref.check(); err != nil {
		return nil, err
	}
	body, err := c.send(ctx, request{method: http.MethodGet, path: ref.path()})
	if err != nil {
		return nil, c.explain(ctx, "get", ref, err)
	}
	pod, err := decode(body)
	if err != nil {
		return nil, fmt.Errorf("get pod %s/%s: the answer of %s is not a pod: %w", ref.Namespace, ref.Name, c.server, err)
	}
	pod.KubeletUID = pod.UID
	if ref.UID != "" {
		pod.KubeletUID = ref.UID
		if ref.UID != pod.UID && ref.UID != pod.Annotations[MirrorAnnotation] {
			return nil, fmt.Errorf("get pod %s/%s: %w: its UID is %s, not %s", ref.Namespace, ref.Name, ErrReplaced, pod.UID, ref.UID)
		}
	}
	return pod, nil
}

// MirrorAnnotation holds the kubelet's UID of a static pod, in the pod that
// mirrors it on the API server.
const MirrorAnnotation = "kubernetes.io/config.mirror"

// objectName is what namespaces and pods are called (DNS subdomains): nothing
// that leads to another URL.
var objectName = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$`)

func (r Ref) check() error {
	if !objectName.MatchString(r.Namespace) || !objectName.MatchString(r.Name) {
		return fmt.Errorf("pod %q in namespace %q: not the names of a Kubernetes pod and namespace", r.Name, r.Namespace)
	}
	return nil
}

// path is where the API server has the pod.
func (r Ref) path() []string {
	return []string{"api", "v1", "namespaces", r.Namespace, "pods", r.Name}
}

// podJSON is the part of a v1 Pod that is read.
type podJSON struct {
	Metadata struct {
		Namespace   string            `json:"namespace"`
		Name        string            `json:"name"`
		UID         string            `json:"uid"`
		Annotations map[string]string `json:"annotations"`
	} `json:"metadata"`
	Spec struct {
		NodeName        string `json:"nodeName"`
		SecurityContext struct {
			Security
			FSGroup *int64 `json:"fsGroup"`
		} `json:"securityContext"`
		Volumes        []volumeJSON    `json:"volumes"`
		Containers     []containerJSON `json:"containers"`
		InitContainers []containerJSON `json:"initContainers"`
	} `json:"spec"`
}

type volumeJSON struct {
	Name     string `json:"name"`
	HostPath struct {
		Path string `json:"path"`
		Type string `json:"type"`
	} `json:"hostPath"`
	EmptyDir *struct{} `json:"emptyDir"`
}

type containerJSON struct {
	Name            string   `json:"name"`
	SecurityContext Security `json:"securityContext"`
	VolumeMounts    []struct {
		Name        string `json:"name"`
		MountPath   string `json:"mountPath"`
		SubPath     string `json:"subPath"`
		SubPathExpr string `json:"subPathExpr"`
		ReadOnly    bool   `json:"readOnly"`
	} `json:"volumeMounts"`
}

func decode(body []byte) (*Pod, error) {
	var in podJSON
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, err
	}
	if in.Metadata.UID == "" {
		return nil, fmt.Errorf("metadata.uid is missing")
	}
	security := in.Spec.SecurityContext
	pod := &Pod{
		Ref:         Ref{in.Metadata.Namespace, in.Metadata.Name, in.Metadata.UID},
		NodeName:    in.Spec.NodeName,
		Annotations: in.Metadata.Annotations,
		Security:    security.Security,
		FSGroup:     security.FSGroup,
	}
	for _, v := range in.Spec.Volumes {
		pod.Volumes = append(pod.Volumes, shareddir.Volume{
			Name: v.Name, HostPath: v.HostPath.Path, HostPathType: v.HostPath.Type, EmptyDir: v.EmptyDir != nil,
		})
	}
	for _, container := range append(in.Spec.Containers, in.Spec.InitContainers...) {
		pod.Mounts = append(pod.Mounts, container.mounts(pod.Security)...)
	}
	return pod, nil
}

// mounts are those of the shared directory's root. A container that mounts a
// directory below it doesn't see what we put there.
func (c containerJSON) mounts(pod Security) []Mount {
	own := c.SecurityContext.or(pod)
	var all []Mount
	for _, m := range c.VolumeMounts {
		if m.Name == shareddir.VolumeName && m.SubPath == "" && m.SubPathExpr == "" {
			all = append(all, Mount{Container: c.Name, Path: m.MountPath, ReadOnly: m.ReadOnly, Security: own})
		}
	}
	return all
}
