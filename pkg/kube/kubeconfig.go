package kube

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"
)

// config is what a kubeconfig's current context says, with paths made absolute.
type config struct {
	cluster cluster
	user    user
	server  *url.URL
}

// readConfig reads a kubeconfig; its errors name the field.
func readConfig(path string) (*config, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var f file
	if err := yaml.Unmarshal(data, &f); err != nil {
		return nil, err
	}
	c, err := current(&f)
	if err != nil {
		return nil, err
	}
	c.resolve(filepath.Dir(path))
	if err := c.supported(); err != nil {
		return nil, err
	}
	c.server, err = parseServer(c.cluster.Server)
	return c, err
}

// current finds the cluster and the user of the current context.
func current(f *file) (*config, error) {
	at := slices.IndexFunc(f.Contexts, func(n namedContext) bool { return n.Name == f.CurrentContext })
	if f.CurrentContext == "" || at < 0 {
		return nil, fmt.Errorf("current-context is %q; allowed: the name of one of its contexts", f.CurrentContext)
	}
	context := f.Contexts[at].Context
	at = slices.IndexFunc(f.Clusters, func(n namedCluster) bool { return n.Name == context.Cluster })
	if at < 0 {
		return nil, fmt.Errorf("context %q is about cluster %q, which is not in the file", f.CurrentContext, context.Cluster)
	}
	c := &config{cluster: f.Clusters[at].Cluster}
	if context.User == "" {
		return c, nil
	}
	at = slices.IndexFunc(f.Users, func(n namedUser) bool { return n.Name == context.User })
	if at < 0 {
		return nil, fmt.Errorf("context %q is for user %q, who is not in the file", f.CurrentContext, context.User)
	}
	c.user = f.Users[at].User
	return c, nil
}

// resolve makes the paths absolute: in a kubeconfig they are relative to it.
func (c *config) resolve(dir string) {
	for _, path := range []*string{
		&c.cluster.CertificateAuthority, &c.user.ClientCertificate, &c.user.ClientKey, &c.user.TokenFile,
	} {
		if *path != "" && !filepath.IsAbs(*path) {
			*path = filepath.Join(dir, *path)
		}
	}
}

// supported refuses what would be left out silently.
func (c *config) supported() error {
	const instead = "is not supported; allowed: token, tokenFile, client-certificate and client-key"
	switch u := c.user; {
	case u.Exec != nil:
		return errors.New("user.exec " + instead)
	case u.AuthProvider != nil:
		return errors.New("user.auth-provider " + instead)
	case u.Username != "" || u.Password != "":
		return errors.New("user.username " + instead)
	case u.Impersonate != "" || u.ImpersonateUID != "" || len(u.ImpersonateGroups)+len(u.ImpersonateUserExtra) > 0:
		return errors.New("user.as " + instead)
	}
	return nil
}

func parseServer(text string) (*url.URL, error) {
	server, err := url.Parse(text)
	if err != nil || server.Host == "" || server.Scheme != "https" && server.Scheme != "http" {
		return nil, fmt.Errorf("cluster.server is %q; allowed: a URL such as https://10.96.0.1:443", text)
	}
	return server, nil
}

// transport is how the server is reached. HTTP/1.1 is enough for two requests.
func (c *config) transport() (*http.Transport, error) {
	t := &http.Transport{Proxy: http.ProxyFromEnvironment}
	if c.cluster.ProxyURL != "" {
		proxy, err := url.Parse(c.cluster.ProxyURL)
		if err != nil || proxy.Host == "" {
			return nil, errors.New("cluster.proxy-url is not a URL") // it may hold a password
		}
		t.Proxy = http.ProxyURL(proxy)
	}
	if c.server.Scheme == "http" {
		return t, nil
	}
	var err error
	t.TLSClientConfig, err = c.tls()
	return t, err
}

func (c *config) tls() (*tls.Config, error) {
	out := &tls.Config{
		MinVersion:         tls.VersionTLS12,
		ServerName:         c.cluster.TLSServerName,
		InsecureSkipVerify: c.cluster.InsecureSkipTLSVerify,
	}
	authority, err := content(c.cluster.CertificateAuthorityData, c.cluster.CertificateAuthority)
	if err != nil {
		return nil, fmt.Errorf("cluster.certificate-authority: %w", err)
	}
	if len(authority) > 0 {
		if out.InsecureSkipVerify {
			return nil, errors.New("cluster.certificate-authority is not allowed with insecure-skip-tls-verify")
		}
		out.RootCAs = x509.NewCertPool()
		if !out.RootCAs.AppendCertsFromPEM(authority) {
			return nil, errors.New("cluster.certificate-authority holds no PEM certificate")
		}
	}
	certificate, err := certificateOf(c.user)
	if err == nil && certificate != nil {
		out.Certificates = []tls.Certificate{*certificate}
	}
	return out, err
}

// certificateOf is the user's certificate; nil where there is none.
func certificateOf(u user) (*tls.Certificate, error) {
	certificate, err := content(u.ClientCertificateData, u.ClientCertificate)
	if err != nil {
		return nil, fmt.Errorf("user.client-certificate: %w", err)
	}
	key, err := content(u.ClientKeyData, u.ClientKey)
	if err != nil {
		return nil, fmt.Errorf("user.client-key: %w", err)
	}
	if len(certificate)+len(key) == 0 {
		return nil, nil
	}
	pair, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		return nil, fmt.Errorf("user.client-certificate and client-key: %w", err)
	}
	return &pair, nil
}

// content is a field's data, or the file's that it names instead.
func content(data []byte, path string) ([]byte, error) {
	if len(data) > 0 || path == "" {
		return data, nil
	}
	return os.ReadFile(path)
}

// bearer is the user's token; empty where there is none. A token's file is read
// at each request, because it is renewed while we live.
func (c *config) bearer() (string, error) {
	if c.user.TokenFile == "" {
		return c.user.Token, nil
	}
	data, err := os.ReadFile(c.user.TokenFile)
	token := strings.TrimSpace(string(data))
	switch {
	case err == nil && token != "":
		return token, nil
	case c.user.Token != "":
		return c.user.Token, nil
	case err == nil:
		err = fmt.Errorf("%s is empty", c.user.TokenFile)
	}
	return "", fmt.Errorf("user.tokenFile: %w", err)
}
