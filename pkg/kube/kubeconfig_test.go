package kube

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/userspace-cni/userspace-cni/pkg/kube/fakeapi"
)

// kubeconfig writes a kubeconfig, as Multus does in YAML, with some lines of
// cluster and user.
func kubeconfig(t *testing.T, dir, cluster, user string) string {
	t.Helper()
	indent := func(lines string) string { return "    " + strings.ReplaceAll(lines, "\n", "\n    ") }
	return put(t, dir, "kubeconfig", `# written by hand
apiVersion: v1
kind: Config
preferences: {}
clusters:
- name: another
  cluster:
    server: https://192.0.2.1
- name: local
  cluster:
`+indent(cluster)+`
users:
- name: another
  user:
    token: wrong
- name: multus
  user:
`+indent(user)+`
contexts:
- name: other
  context: {cluster: another, user: another}
- name: multus-context
  context:
    cluster: local
    user: multus
    namespace: kube-system
current-context: multus-context
`)
}

func put(t *testing.T, dir, name, content string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestKubeconfig: each way to say who we are and whom we trust leads to the pod.
func TestKubeconfig(t *testing.T) {
	s, _ := newServer(t, podWith(podUID, ""))
	dir := t.TempDir()
	put(t, dir, "ca.pem", string(s.CA()))
	put(t, dir, "token", fakeapi.Token+"\n")
	server := "server: " + s.URL + "\n"
	for name, c := range map[string]struct{ cluster, user string }{
		"files":              {server + "certificate-authority: ca.pem", "tokenFile: token"},
		"absolute":           {server + "certificate-authority: " + dir + "/ca.pem", "tokenFile: " + dir + "/token"},
		"file before token":  {server + "certificate-authority: ca.pem", "tokenFile: token\ntoken: wrong"},
		"no file, but token": {server + "certificate-authority: ca.pem", "tokenFile: none\ntoken: " + fakeapi.Token},
		"insecure":           {server + "insecure-skip-tls-verify: true", "token: " + fakeapi.Token},
		"server's name":      {server + "certificate-authority: ca.pem\ntls-server-name: example.com", "token: " + fakeapi.Token},
		"slash":              {"server: " + s.URL + "/\ncertificate-authority: ca.pem", "token: " + fakeapi.Token},
	} {
		t.Run(name, func(t *testing.T) {
			client, err := New(kubeconfig(t, dir, c.cluster, c.user))
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			get(t, client)
		})
	}
}

// TestTokenIsRenewed: its file is read at each request.
func TestTokenIsRenewed(t *testing.T) {
	s, _ := newServer(t, podWith(podUID, ""))
	dir := t.TempDir()
	put(t, dir, "ca.pem", string(s.CA()))
	put(t, dir, "token", "expired")
	client, err := New(kubeconfig(t, dir, "server: "+s.URL+"\ncertificate-authority: ca.pem", "tokenFile: token"))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if _, err := client.Pod(within(t, time.Second), theRef); !errors.Is(err, ErrUnauthorized) {
		t.Error(err)
	}
	put(t, dir, "token", fakeapi.Token)
	get(t, client)
	put(t, dir, "token", "")
	_, err = client.Pod(within(t, time.Second), theRef)
	mustSay(t, err, "user.tokenFile", "is empty", dir)
}

// TestUntrusted: a server with a certificate of somebody else gets no token and
// no second attempt.
func TestUntrusted(t *testing.T) {
	s, _ := newServer(t, podWith(podUID, ""))
	ca, _ := newCertificate(t)
	dir := t.TempDir()
	put(t, dir, "ca.pem", string(ca))
	for words, cluster := range map[string]string{
		"unknown authority": "certificate-authority: ca.pem",
		"not other.example": "certificate-authority-data: " + b64(s.CA()) + "\ntls-server-name: other.example",
	} {
		client, err := New(kubeconfig(t, dir, "server: "+s.URL+"\n"+cluster, "token: "+fakeapi.Token))
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		start := time.Now()
		_, err = client.Pod(within(t, 10*time.Second), theRef)
		mustSay(t, err, "certificate-authority", words, client.kubeconfig)
		if errors.Is(err, ErrUnavailable) || time.Since(start) > 2*time.Second {
			t.Errorf("tried again: %v", err)
		}
	}
	mustRequest(t, s)
}

// TestClientCertificate: the user's certificate reaches the server.
func TestClientCertificate(t *testing.T) {
	certificate, key := newCertificate(t)
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(certificate)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if name := r.TLS.PeerCertificates[0].Subject.CommonName; name != "test" {
			fakeapi.Fail(w, 401, "Unauthorized", name)
			return
		}
		fmt.Fprint(w, podWith(podUID, ""))
	}))
	s.TLS = &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool}
	s.StartTLS()
	defer s.Close()
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	dir := t.TempDir()
	put(t, dir, "cert.pem", string(certificate))
	put(t, dir, "key.pem", string(key))
	for _, user := range []string{
		"client-certificate: cert.pem\nclient-key: key.pem",
		"client-certificate-data: " + b64(certificate) + "\nclient-key-data: " + b64(key),
		"client-certificate: none\nclient-certificate-data: " + b64(certificate) + "\nclient-key: key.pem",
	} {
		client, err := New(kubeconfig(t, dir, "server: "+s.URL+"\ncertificate-authority-data: "+b64(ca), user))
		if err != nil {
			t.Fatal(err)
		}
		get(t, client)
		client.Close()
	}
}

// TestProxy: requests go through the proxy that the kubeconfig names, and below
// the path that its server has.
func TestProxy(t *testing.T) {
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.String() != "http://api.invalid/k8s/c-1/api/v1/namespaces/default/pods/pod1" {
			fakeapi.Fail(w, 404, "NotFound", r.URL.String())
			return
		}
		fmt.Fprint(w, podWith(podUID, ""))
	}))
	defer proxy.Close()
	client, err := New(kubeconfig(t, t.TempDir(), "server: http://api.invalid/k8s/c-1\nproxy-url: "+proxy.URL, "token: x"))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	get(t, client)
}

func TestKubeconfigFaults(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "text", "no PEM")
	certificate, key := newCertificate(t)
	otherCertificate, _ := newCertificate(t)
	put(t, dir, "cert.pem", string(certificate))
	put(t, dir, "other.pem", string(otherCertificate))
	put(t, dir, "key.pem", string(key))
	const ok = "server: https://192.0.2.1"
	for words, c := range map[string][2]string{
		`cluster.server is ""`:                       {"tls-server-name: x", ""},
		`cluster.server is "192.0.2.1:443"`:          {"server: 192.0.2.1:443", ""},
		`cluster.server is "ftp://a"`:                {"server: ftp://a", ""},
		"cluster.certificate-authority: open":        {ok + "\ncertificate-authority: none", ""},
		"cluster.certificate-authority holds no PEM": {ok + "\ncertificate-authority: text", ""},
		"with insecure-skip-tls-verify":              {ok + "\ncertificate-authority: cert.pem\ninsecure-skip-tls-verify: true", ""},
		"cluster.proxy-url":                          {ok + "\nproxy-url: nowhere", ""},
		"user.client-certificate: open":              {ok, "client-certificate: none"},
		"user.client-key: open":                      {ok, "client-certificate: cert.pem\nclient-key: none"},
		"client-key: tls: failed to find":            {ok, "client-certificate: cert.pem"},
		"private key does not match":                 {ok, "client-certificate: other.pem\nclient-key: key.pem"},
		"user.exec is not supported":                 {ok, "exec: {command: aws, apiVersion: v1}"},
		"user.auth-provider is not supported":        {ok, "auth-provider: {name: gcp}"},
		"user.username is not supported":             {ok, "username: a\npassword: b"},
		"user.as is not supported":                   {ok, "token: x\nas: root"},
		"illegal base64":                             {ok + "\ncertificate-authority-data: '*'", ""},
	} {
		path := kubeconfig(t, dir, c[0], c[1])
		_, err := New(path)
		mustSay(t, err, path, words)
	}
	for words, doc := range map[string]string{
		`current-context is ""`:       `{}`,
		`current-context is "x"`:      `{"current-context":"x","contexts":[{"name":"y"}]}`,
		`cluster "k", which is not`:   `{"current-context":"x","contexts":[{"name":"x","context":{"cluster":"k"}}]}`,
		`user "u", who is not`:        `{"current-context":"x","contexts":[{"name":"x","context":{"cluster":"k","user":"u"}}],"clusters":[{"name":"k","cluster":{}}]}`,
		"cannot unmarshal":            `[]`,
		"found character that cannot": "\t{",
	} {
		_, err := New(put(t, dir, "kubeconfig", doc))
		mustSay(t, err, "kubeconfig", words)
	}
	if _, err := New(filepath.Join(dir, "none")); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

// newCertificate is a self-signed certificate of "test" and its key, as PEM.
func newCertificate(t *testing.T) (certificate, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	template.Subject.CommonName = "test"
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw})
}

func b64(data []byte) string { return base64.StdEncoding.EncodeToString(data) }
