package kube

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"
)

const (
	// maxTries is how often a request is sent that fails for a reason that may
	// pass.
	maxTries = 4
	// firstDelay is the pause after the first failure; it doubles.
	firstDelay = 100 * time.Millisecond
	// tryTimeout is one request's share of the call's time: a server behind a
	// load balancer may be hanging, and the next one not.
	tryTimeout = 5 * time.Second
	// callTimeout is for callers whose context has no deadline.
	callTimeout = 30 * time.Second
	// maxBody bounds an answer: etcd keeps objects of 1.5 MiB at most.
	maxBody = 8 << 20

	userAgent = "userspace-cni"
)

// Client talks to one API server as one user. It may be used concurrently.
type Client struct {
	kubeconfig string
	config     *config
	server     string
	http       *http.Client
	tryTimeout time.Duration
}

// New makes a client of the kubeconfig's current context. It sends nothing.
// Relative paths in the kubeconfig are relative to it.
func New(kubeconfig string) (*Client, error) {
	c, err := readConfig(kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("kubeconfig %s: %w", kubeconfig, err)
	}
	transport, err := c.transport()
	if err != nil {
		return nil, fmt.Errorf("kubeconfig %s: %w", kubeconfig, err)
	}
	return &Client{
		kubeconfig: kubeconfig,
		config:     c,
		server:     c.server.Scheme + "://" + c.server.Host,
		tryTimeout: tryTimeout,
		http: &http.Client{
			Transport: transport,
			// No credentials for whoever the server points at.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

// Close closes the connection, which is kept between requests.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// request is one request.
type request struct {
	method string
	// path is where on the server, in its parts.
	path        []string
	contentType string
	body        []byte
}

// send sends a request, again when it fails for a reason that may pass.
func (c *Client) send(ctx context.Context, r request) ([]byte, error) {
	delay := firstDelay
	for try := 1; ; try++ {
		body, err := c.try(ctx, r)
		if err == nil || !temporary(err) {
			return body, err
		}
		var status *statusError
		wait := jitter(delay)
		if errors.As(err, &status) {
			wait = max(wait, status.after)
		}
		if try == maxTries || sleep(ctx, wait) != nil {
			return nil, fmt.Errorf("tried %d times: %w", try, err)
		}
		delay *= 2
	}
}

// try sends a request once.
func (c *Client) try(ctx context.Context, r request) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, c.tryTimeout)
	defer cancel()
	req, err := c.prepare(ctx, r)
	if err != nil {
		return nil, &setupError{err}
	}
	response, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxBody+1))
	switch {
	case response.StatusCode != http.StatusOK && response.StatusCode != http.StatusCreated:
		seconds, _ := strconv.Atoi(response.Header.Get("Retry-After"))
		return nil, &statusError{response.StatusCode, messageOf(body), time.Duration(max(seconds, 0)) * time.Second}
	case err != nil:
		return nil, err
	case len(body) > maxBody:
		return nil, &statusError{response.StatusCode, fmt.Sprintf("longer than %d bytes", maxBody), 0}
	}
	return body, nil
}

func (c *Client) prepare(ctx context.Context, r request) (*http.Request, error) {
	target := c.config.server.JoinPath(r.path...)
	if r.method == http.MethodPatch {
		target.RawQuery = "fieldManager=" + userAgent
	}
	req, err := http.NewRequestWithContext(ctx, r.method, target.String(), bytes.NewReader(r.body))
	if err != nil {
		return nil, err
	}
	token, err := c.config.bearer()
	if err != nil {
		return nil, err
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if r.contentType != "" {
		req.Header.Set("Content-Type", r.contentType)
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", userAgent)
	return req, nil
}

// limited gives a context a deadline that has none.
func limited(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, callTimeout)
}

// jitter keeps those apart who failed at the same moment.
func jitter(d time.Duration) time.Duration { return d/2 + rand.N(d) }

// sleep waits, or fails at once when the context would end before.
func sleep(ctx context.Context, d time.Duration) error {
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < d {
		return context.DeadlineExceeded
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
