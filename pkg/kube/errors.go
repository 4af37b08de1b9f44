package kube

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// Errors of the API server that callers tell apart.
var (
	// ErrNotFound means that there is no such pod (any more).
	ErrNotFound = errors.New("no such pod")
	// ErrReplaced means that there is another pod of the same name.
	ErrReplaced = errors.New("the pod was replaced by another one of the same name")
	// ErrForbidden means that somebody has to grant a permission.
	ErrForbidden = errors.New("the API server refuses")
	// ErrUnauthorized means that credentials have expired, or their pod has gone.
	// New ones may come by themselves.
	ErrUnauthorized = errors.New("the API server does not accept")
	// ErrUnavailable means that trying again later may help.
	ErrUnavailable = errors.New("the API server is not available")
)

// statusError is an answer other than success.
type statusError struct {
	code int
	// message is the server's, may be empty.
	message string
	// after is how long the server asks to wait; may be 0.
	after time.Duration
}

func (e *statusError) Error() string {
	if e.message == "" {
		return fmt.Sprintf("answer %d (%s)", e.code, http.StatusText(e.code))
	}
	return fmt.Sprintf("answer %d (%s): %s", e.code, http.StatusText(e.code), e.message)
}

// maxMessage bounds what of a server's message goes into the log.
const maxMessage = 1000

// messageOf takes the message out of a Status object (the layout of metav1).
func messageOf(body []byte) string {
	var status struct {
		Message string `json:"message"`
	}
	if json.Unmarshal(body, &status) != nil {
		return ""
	}
	return status.Message[:min(len(status.Message), maxMessage)]
}

// temporary tells whether the same request may succeed a little later.
func temporary(err error) bool {
	var status *statusError
	if errors.As(err, &status) {
		return status.code == http.StatusTooManyRequests || status.code >= http.StatusInternalServerError
	}
	var untrusted *tls.CertificateVerificationError
	var setup *setupError
	return !errors.As(err, &untrusted) && !errors.As(err, &setup)
}

// setupError is one that shows before anything is sent.
type setupError struct{ error }

func (e *setupError) Unwrap() error { return e.error }

// conflict tells whether a patch was refused because of what it tested. The
// server says so by 422, as for a patch that it can't apply or whose outcome
// isn't valid; 409 stands for too many writers at a time.
func conflict(err error) bool { return is(err, http.StatusUnprocessableEntity, http.StatusConflict) }

func is(err error, codes ...int) bool {
	var status *statusError
	if !errors.As(err, &status) {
		return false
	}
	for _, code := range codes {
		if status.code == code {
			return true
		}
	}
	return false
}

// explain says what was being done to which pod, and what to do about it.
func (c *Client) explain(ctx context.Context, verb string, ref Ref, err error) error {
	doing := verb + " pod " + ref.Namespace + "/" + ref.Name
	switch {
	case err == nil:
		return nil
	case is(err, http.StatusNotFound, http.StatusGone):
		return fmt.Errorf("%s: %w: %w", doing, ErrNotFound, err)
	case is(err, http.StatusForbidden):
		return fmt.Errorf("%s: %w: the kubeconfig's user may not %s pods in namespace %s: grant verb %s on resource pods: %w",
			doing, ErrForbidden, verb, ref.Namespace, verb, err)
	}
	return c.advise(ctx, doing, err)
}

// advise says what was being done, and what to do about a failure that says
// nothing of what it was done to.
func (c *Client) advise(ctx context.Context, doing string, err error) error {
	var untrusted *tls.CertificateVerificationError
	var setup *setupError
	switch {
	case errors.As(err, &setup):
		return fmt.Errorf("%s: kubeconfig %s: %w", doing, c.kubeconfig, err)
	case is(err, http.StatusUnauthorized):
		return fmt.Errorf("%s: %w the credentials in kubeconfig %s: renew its token or certificate; what the installation has made, its DaemonSet userspace-install renews, once that runs on this node: %w",
			doing, ErrUnauthorized, c.kubeconfig, err)
	case errors.As(err, &untrusted):
		return fmt.Errorf("%s: %s can't be trusted: cluster.certificate-authority in kubeconfig %s must be the one of the API server: %w",
			doing, c.server, c.kubeconfig, err)
	case errors.Is(ctx.Err(), context.Canceled):
		return fmt.Errorf("%s: %w", doing, errors.Join(ctx.Err(), err))
	case ctx.Err() != nil:
		return fmt.Errorf("%s: %w within the call's deadline: check that this node reaches %s, which kubeconfig %s names, and how loaded it is: %w",
			doing, ErrUnavailable, c.server, c.kubeconfig, errors.Join(ctx.Err(), err))
	case temporary(err):
		return fmt.Errorf("%s: %w: check that this node reaches %s, which kubeconfig %s names, and that it is healthy: %w",
			doing, ErrUnavailable, c.server, c.kubeconfig, err)
	}
	return fmt.Errorf("%s: %w", doing, err)
}
