// Package kube asks the Kubernetes API server for a pod, once, and changes
// annotations of it by one guarded patch. It owns the kubeconfig, the requests,
// their repetition and what to do when the server refuses; it knows nothing of
// networks, nor what is in an annotation.
//
// It links no Kubernetes client code: a CNI plugin starts at each call, with or
// without a kubeconfig, and the kubeconfig's types alone, from client-go, would
// bring 40 packages, 1.7 MiB and their initialisers, and make its start longer;
// clientcmd and rest more so. What is left out on purpose: exec plugins and auth providers,
// which start other programs or belong to people's laptops.
package kube
