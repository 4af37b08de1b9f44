package install

import (
	"bytes"
	"fmt"
	"net"
	"net/url"
	"os"

	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"
)

// Credentials are those of the pod that the installer runs in. The kubelet renews
// their token in good time, and the API server ends it with the pod.
type Credentials struct {
	// Server is the API server's URL.
	Server string
	// TokenFile has the token, AuthorityFile the server's authority in PEM.
	TokenFile, AuthorityFile string
}

// ServiceURL is the API server's as pods are told; empty outside of pods.
func ServiceURL() string {
	host, port := os.Getenv("KUBERNETES_SERVICE_HOST"), os.Getenv("KUBERNETES_SERVICE_PORT")
	if host == "" {
		return ""
	}
	return "https://" + net.JoinHostPort(host, port)
}

// CheckServer tells what is wrong with the server's URL.
func (c Credentials) CheckServer() error {
	server, err := url.Parse(c.Server)
	if err != nil || server.Scheme != "https" || server.Host == "" {
		return fmt.Errorf("%q is not allowed; allowed: a URL such as https://10.96.0.1:443", c.Server)
	}
	return nil
}

// kubeconfig holds all that the plugin needs in one file, so that token and
// authority always are of one time.
func (c Credentials) kubeconfig() ([]byte, error) {
	token, err := c.read("token", c.TokenFile)
	if err != nil {
		return nil, err
	}
	authority, err := c.read("authority", c.AuthorityFile)
	if err != nil {
		return nil, err
	}
	const name = "userspace"
	config := api.NewConfig()
	config.Clusters[name] = &api.Cluster{Server: c.Server, CertificateAuthorityData: authority}
	config.AuthInfos[name] = &api.AuthInfo{Token: string(bytes.TrimSpace(token))}
	config.Contexts[name] = &api.Context{Cluster: name, AuthInfo: name}
	config.CurrentContext = name
	return clientcmd.Write(*config)
}

func (c Credentials) read(what, path string) ([]byte, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("%s for the API server: %w", what, err)
	}
	if len(bytes.TrimSpace(data)) == 0 {
		return nil, fmt.Errorf("%s for the API server: %s is empty", what, path)
	}
	return data, nil
}
