package userspace

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/userspace-cni/userspace-cni/pkg/contract"
	"github.com/userspace-cni/userspace-cni/pkg/kube"
	"github.com/userspace-cni/userspace-cni/pkg/shareddir"
	"github.com/userspace-cni/userspace-cni/pkg/state"
)

// fetchPod asks the API server for the pod, once, where the configuration has
// credentials and CNI_ARGS name one.
func (c *call) fetchPod(ctx context.Context) error {
	if c.conf.KubeConfig == "" {
		return nil
	}
	if c.cniArgs.PodName == "" {
		if c.Node.KubeConfig == "" { // the network's, which it names to have it used
			c.log.Warn("kubeconfig is not used: CNI_ARGS name no pod")
		}
		return nil
	}
	var err error
	if c.kube, err = kube.New(c.conf.KubeConfig); err != nil {
		return fmt.Errorf("kubeconfig %s: %w", c.conf.KubeConfig, err)
	}
	c.pod, err = c.kube.Pod(ctx, kube.Ref{
		Namespace: c.cniArgs.PodNamespace, Name: c.cniArgs.PodName, UID: c.cniArgs.PodUID,
	})
	if err != nil {
		return err
	}
	return c.findVolume()
}

// findVolume makes the pod's own volume the shared directory, where it has one.
func (c *call) findVolume() error {
	dir, found, err := shareddir.InVolume(c.pod.Volumes, shareddir.DefaultKubelet, c.pod.KubeletUID, c.Links, c.socketName())
	if err != nil {
		return err
	}
	if found {
		c.volume = &dir
	}
	return nil
}

// podRecord is what DEL needs to find the pod again.
func (c *call) podRecord() *state.Pod {
	if c.pod == nil {
		return nil
	}
	return &state.Pod{
		Namespace: c.pod.Namespace, Name: c.pod.Name, UID: c.pod.UID,
		MountPath: c.pod.MountPath(), KubeConfig: c.conf.KubeConfig,
	}
}

// announce writes the entry into the pod's annotations.
func (c *call) announce(ctx context.Context, entry contract.Entry) error {
	if c.pod == nil {
		return nil
	}
	warn := func(err error) { c.log.Warn("annotation", "err", err) }
	return c.kube.PatchAnnotations(ctx, c.pod, func(current map[string]string) (map[string]string, []string, error) {
		set, err := contract.Announce(current, entry, c.pod.MountPath(), warn)
		return set, nil, err
	})
}

// withdraw takes the attachment's entry out of the pod's annotations. What stays
// because the API server can't be asked harms nobody: the next ADD replaces it,
// and it goes with the pod.
func (c *call) withdraw(ctx context.Context, record *state.Record) {
	if record.Pod == nil || record.Off {
		return
	}
	pod := *record.Pod
	// The node may have got its credentials after the pod was attached.
	pod.KubeConfig = cmp.Or(c.Node.KubeConfig, pod.KubeConfig)
	err := withdraw(ctx, pod, record.Attachment)
	if err != nil && !errors.Is(err, kube.ErrNotFound) && !errors.Is(err, kube.ErrReplaced) {
		c.log.Warn("the entry stays in the pod's annotations", "pod", record.Pod.Namespace+"/"+record.Pod.Name, "err", err)
	}
}

func withdraw(ctx context.Context, pod state.Pod, attachment state.Attachment) error {
	client, err := kube.New(pod.KubeConfig)
	if err != nil {
		return err
	}
	defer client.Close()
	seen, err := client.Pod(ctx, kube.Ref{Namespace: pod.Namespace, Name: pod.Name, UID: pod.UID})
	if err != nil {
		return err
	}
	return client.PatchAnnotations(ctx, seen, func(current map[string]string) (map[string]string, []string, error) {
		set, remove := contract.Withdraw(current, attachment, pod.MountPath)
		return set, remove, nil
	})
}
