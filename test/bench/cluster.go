package main

import (
	"fmt"

	"github.com/userspace-cni/userspace-cni/pkg/kube/fakeapi"
)

// cluster is an API server with one pod.
type cluster struct {
	*fakeapi.Server
	kubeconfig string
}

// podArgs are CNI_ARGS that name the pod.
const podArgs = "IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=web;K8S_POD_UID=u-1"

func newCluster(dir string) (*cluster, error) {
	c := &cluster{Server: fakeapi.New()}
	var err error
	if c.kubeconfig, err = c.Kubeconfig(dir); err != nil {
		c.Close()
		return nil, err
	}
	c.Put(fmt.Sprintf(`{"metadata":{"namespace":"default","name":"web","uid":"u-1"},
		"spec":{"nodeName":"node","volumes":[{"name":"shared-dir","hostPath":{"path":%q}}],
		"containers":[{"name":"vpp","volumeMounts":[{"name":"shared-dir","mountPath":"/var/lib/cni/usrspcni"}]}]}}`, dir+"/volume"))
	return c, nil
}
