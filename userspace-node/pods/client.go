package pods

import (
	"errors"
	"fmt"
	"net/http"

	metascheme "k8s.io/apimachinery/pkg/apis/meta/internalversion/scheme"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// ErrNoCredentials means that there is neither a kubeconfig nor a service
// account: the agent can do its other work without an API server.
var ErrNoCredentials = errors.New("no credentials for the API server: neither a kubeconfig nor a pod's service account")

// component is who the API server hears from.
const component = "userspace-node"

// Of the events, which nobody waits for, in requests a second; a restart of VPP
// makes one for each of the node's pods.
const (
	eventRate  = 10
	eventBurst = 25
)

// clients are those that share one connection to the API server.
type clients struct {
	http *http.Client
	// pods asks for the pods' metadata only: a tenth of a pod.
	pods   metadata.Getter
	events *rest.RESTClient
}

func newClients(kubeconfig string) (*clients, error) {
	config, err := restConfig(kubeconfig)
	if err != nil {
		return nil, err
	}
	config.UserAgent = component
	config.WarningHandler = rest.NoWarnings{} // they'd go to stderr, past the agent's log
	c := &clients{}
	if c.http, err = rest.HTTPClientFor(config); err != nil {
		return nil, err
	}
	all, err := metadata.NewForConfigAndClient(config, c.http)
	if err != nil {
		return nil, err
	}
	c.pods = all.Resource(schema.GroupVersionResource{Version: "v1", Resource: "pods"})

	config.APIPath, config.GroupVersion = "/api", &schema.GroupVersion{Version: "v1"}
	config.NegotiatedSerializer = metascheme.Codecs.WithoutConversion()
	config.QPS, config.Burst = eventRate, eventBurst
	c.events, err = rest.RESTClientForConfigAndClient(config, c.http)
	return c, err
}

func restConfig(kubeconfig string) (*rest.Config, error) {
	if kubeconfig == "" {
		config, err := rest.InClusterConfig()
		if errors.Is(err, rest.ErrNotInCluster) {
			return nil, ErrNoCredentials
		}
		return config, err
	}
	rules := clientcmd.ClientConfigLoadingRules{ExplicitPath: kubeconfig}
	file, err := rules.Load()
	if err != nil {
		return nil, fmt.Errorf("kubeconfig: %w", err)
	}
	config, err := clientcmd.NewDefaultClientConfig(*file, &clientcmd.ConfigOverrides{}).ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("kubeconfig %s: %w", kubeconfig, err)
	}
	return config, nil
}
