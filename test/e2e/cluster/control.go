package cluster

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
)

const (
	kubernetes      = "/etc/kubernetes"
	adminKubeconfig = kubernetes + "/admin.conf"
	accountKey      = kubernetes + "/sa.key"
	// The API server makes its own, which is its own authority.
	certificates = "/var/lib/kubernetes"
	certificate  = certificates + "/apiserver.crt"
)

// tokens are those of the cluster's own programs. The key names their kubeconfig.
var tokens = map[string]struct{ token, user, group string }{
	"admin":              {"admin-token", "admin", "system:masters"},
	"controller-manager": {"controller-manager-token", "system:kube-controller-manager", ""},
	"scheduler":          {"scheduler-token", "system:kube-scheduler", ""},
	"kubelet":            {"kubelet-token", "system:node:" + NodeName, "system:nodes"},
}

func kubeconfig(of string) string { return filepath.Join(kubernetes, of+".conf") }

// startStore starts what keeps objects: etcd and the API server.
func (c *Cluster) startStore(ctx context.Context) error {
	if err := writeCredentials(); err != nil {
		return err
	}
	if err := c.startEtcd(ctx); err != nil {
		return err
	}
	return c.startAPI(ctx)
}

// startControllers starts what acts on them.
func (c *Cluster) startControllers(ctx context.Context) error {
	c.Controllers = c.program("kube-controller-manager", "--kubeconfig="+kubeconfig("controller-manager"),
		"--use-service-account-credentials", "--service-account-private-key-file="+accountKey,
		"--root-ca-file="+certificate, "--leader-elect=false", "--allocate-node-cidrs=false")
	c.Scheduler = c.program("kube-scheduler", "--kubeconfig="+kubeconfig("scheduler"), "--leader-elect=false")
	for _, p := range []*Program{c.Controllers, c.Scheduler} {
		if err := p.Start(); err != nil {
			return err
		}
	}
	// Pods are refused before the controller manager has made it.
	return c.Controllers.until(ctx, "service account of the default namespace", func(ctx context.Context) error {
		return c.Get(ctx, "/api/v1/namespaces/default/serviceaccounts/default", nil)
	})
}

func writeCredentials() error {
	var lines strings.Builder
	for name, t := range tokens {
		fmt.Fprintf(&lines, "%s,%s,%s,%q\n", t.token, t.user, t.user, t.group)
		if err := WriteKubeconfig(kubeconfig(name), t.token); err != nil {
			return err
		}
	}
	if err := os.WriteFile(kubernetes+"/tokens.csv", []byte(lines.String()), 0o600); err != nil {
		return err
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	return os.WriteFile(accountKey, pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}), 0o600)
}

func (c *Cluster) startEtcd(ctx context.Context) error {
	const clients, peers = "http://127.0.0.1:2379", "http://127.0.0.1:2380"
	c.Etcd = c.program("etcd", "--data-dir=/var/lib/etcd", "--unsafe-no-fsync",
		"--listen-client-urls="+clients, "--advertise-client-urls="+clients,
		"--listen-peer-urls="+peers, "--initial-advertise-peer-urls="+peers, "--initial-cluster=default="+peers)
	if err := c.Etcd.Start(); err != nil {
		return err
	}
	return c.Etcd.until(ctx, "etcd", func(ctx context.Context) error {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, clients+"/health", nil)
		if err != nil {
			return err
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		if response.StatusCode != http.StatusOK {
			return fmt.Errorf("etcd: %s", response.Status)
		}
		return nil
	})
}

func (c *Cluster) startAPI(ctx context.Context) error {
	c.API = c.program("kube-apiserver", "--etcd-servers=http://127.0.0.1:2379",
		"--bind-address=0.0.0.0", "--secure-port=443", "--advertise-address="+NodeIP, "--cert-dir="+certificates,
		"--service-cluster-ip-range="+services, "--authorization-mode=Node,RBAC", "--enable-admission-plugins=NodeRestriction",
		"--token-auth-file="+kubernetes+"/tokens.csv", "--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file="+accountKey, "--service-account-signing-key-file="+accountKey,
		"--kubelet-preferred-address-types=InternalIP", "--allow-privileged")
	if err := c.API.Start(); err != nil {
		return err
	}
	return c.WaitForAPI(ctx)
}

// WaitForAPI waits until the API server is ready.
func (c *Cluster) WaitForAPI(ctx context.Context) error {
	return c.API.until(ctx, "API server", func(ctx context.Context) error {
		return c.admin.do(ctx, http.MethodGet, "/apis/rbac.authorization.k8s.io/v1/clusterroles/system:node", nil, nil)
	})
}
