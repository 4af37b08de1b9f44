package cluster

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

const server = "https://" + NodeIP

// api sends requests to the API server.
type api struct {
	token  string
	client *http.Client
}

func newAPI(token string) *api {
	// Nobody else is in this network namespace.
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	return &api{token: token, client: &http.Client{Transport: transport, Timeout: time.Minute}}
}

// Status is an answer that isn't a success.
type Status struct {
	Code int
	Body string
}

func (s *Status) Error() string { return fmt.Sprintf("%d: %s", s.Code, s.Body) }

// do sends a request with a JSON body (nil: none) and reads a JSON answer (nil: none).
func (a *api) do(ctx context.Context, method, path string, body, into any) error {
	var data []byte
	if body != nil {
		var err error
		if data, err = json.Marshal(body); err != nil {
			return err
		}
	}
	request, err := http.NewRequestWithContext(ctx, method, server+path, bytes.NewReader(data))
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+a.token)
	request.Header.Set("Content-Type", "application/json")
	if method == http.MethodPatch {
		request.Header.Set("Content-Type", "application/merge-patch+json")
	}
	response, err := a.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode/100 != 2 {
		return &Status{response.StatusCode, string(answer)}
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(answer, into)
}

// Get reads the object at a path of the API, such as /api/v1/pods.
func (c *Cluster) Get(ctx context.Context, path string, into any) error {
	return c.admin.do(ctx, http.MethodGet, path, nil, into)
}

// Put replaces the object at a path of the API.
func (c *Cluster) Put(ctx context.Context, path string, object any) error {
	return c.admin.do(ctx, http.MethodPut, path, object, nil)
}

// DeleteAll deletes the objects at a path of the API, at once.
func (c *Cluster) DeleteAll(ctx context.Context, path string) error {
	return c.admin.do(ctx, http.MethodDelete, path, nil, nil)
}

// As sends a request as whoever has the token.
func As(ctx context.Context, token, method, path string, body, into any) error {
	return newAPI(token).do(ctx, method, path, body, into)
}

// Token gives a service account of kube-system a token for an hour.
func (c *Cluster) Token(ctx context.Context, account string) (string, error) {
	return c.token(ctx, account, map[string]any{"expirationSeconds": 3600})
}

// NodeToken is one that says that it is used on a node.
func (c *Cluster) NodeToken(ctx context.Context, account, node string) (string, error) {
	var object struct{ Metadata struct{ UID string } }
	if err := c.Get(ctx, "/api/v1/nodes/"+node, &object); err != nil {
		return "", err
	}
	return c.token(ctx, account, map[string]any{
		"expirationSeconds": 3600,
		"boundObjectRef":    map[string]any{"apiVersion": "v1", "kind": "Node", "name": node, "uid": object.Metadata.UID},
	})
}

func (c *Cluster) token(ctx context.Context, account string, spec map[string]any) (string, error) {
	request := map[string]any{"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
	var answer struct{ Status struct{ Token string } }
	err := c.admin.do(ctx, http.MethodPost, "/api/v1/namespaces/kube-system/serviceaccounts/"+account+"/token", request, &answer)
	return answer.Status.Token, err
}

// WriteKubeconfig writes credentials to a file that root alone reads.
func WriteKubeconfig(path, token string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, fmt.Appendf(nil, `apiVersion: v1
kind: Config
clusters: [{name: e2e, cluster: {server: %q, certificate-authority: %s}}]
users: [{name: e2e, user: {token: %q}}]
contexts: [{name: e2e, context: {cluster: e2e, user: e2e}}]
current-context: e2e
`, server, certificate, token), 0o600)
}
