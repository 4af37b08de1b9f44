// Package cluster brings up a real one-node Kubernetes with Multus: etcd, the API
// server with RBAC, the controller manager, the scheduler, containerd and the
// kubelet, as processes in namespaces of their own, with everything at the paths
// where a node has it. There is no image registry: images are imported from tar
// files that it writes. All of it ends, and is gone, with the process.
package cluster
