package pods

import (
	"context"
	"fmt"
	"log/slog"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// reach is whether the API server can be asked for pods. It logs a line when
// that changes.
type reach struct {
	log   *slog.Logger
	mutex sync.Mutex
	// problem is the last one that was logged; empty while all is well.
	problem string
}

// lost takes an error of a request.
func (r *reach) lost(ctx context.Context, verb string, err error) {
	problem := "away"
	switch {
	case ctx.Err() != nil, apierrors.IsResourceExpired(err), apierrors.IsGone(err):
		return // the end, or what a new list mends
	case apierrors.IsForbidden(err):
		problem = "forbidden"
		err = fmt.Errorf("grant verb %s on resource pods to the agent: %w", verb, err)
	case apierrors.IsUnauthorized(err):
		problem = "unauthorized"
		err = fmt.Errorf("renew the agent's token or certificate: %w", err)
	}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if r.problem == problem {
		return
	}
	r.problem = problem
	r.log.Warn("the API server doesn't tell which pods there are; none is taken for gone until it does",
		"verb", verb, "resource", "pods", "err", err)
}

// back says that the pods are being watched.
func (r *reach) back() {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if r.problem != "" {
		r.problem = ""
		r.log.Info("the API server tells again which pods there are")
	}
}
