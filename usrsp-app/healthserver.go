package usrspapp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

// ServeHealth serves /healthz and /readyz until the context ends; each request is
// a check.
func (a *App) ServeHealth(ctx context.Context, address string, options HealthOptions) error {
	if options.Within <= 0 {
		return fmt.Errorf("--within %s is not allowed; allowed: above zero", options.Within)
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	return a.serveHealth(ctx, listener, options)
}

func (a *App) serveHealth(ctx context.Context, listener net.Listener, options HealthOptions) error {
	handler := &health{check: func() (string, bool) { return a.check(ctx, options) }}
	mux := http.NewServeMux()
	mux.Handle("/healthz", handler)
	mux.Handle("/readyz", handler)
	server := &http.Server{
		Handler: mux, MaxHeaderBytes: 1 << 14,
		ReadTimeout: 10 * time.Second, WriteTimeout: options.Within + 10*time.Second, IdleTimeout: time.Minute,
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	err := server.Close()
	if serveErr := <-served; !errors.Is(serveErr, http.ErrServerClosed) {
		err = errors.Join(err, serveErr)
	}
	return err
}

// health answers requests. Those that come during a check share it.
type health struct {
	check   func() (line string, good bool)
	mutex   sync.Mutex
	current *checking
}

// checking is a check that goes on.
type checking struct {
	done chan struct{}
	line string
	good bool
}

func (h *health) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	result := h.share()
	<-result.done
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	if !result.good {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_, _ = io.WriteString(w, result.line+"\n") // whoever asked may have gone
}

// share returns the check that goes on, or begins one.
func (h *health) share() *checking {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	if h.current != nil {
		return h.current
	}
	begun := &checking{done: make(chan struct{})}
	h.current = begun
	go func() {
		begun.line, begun.good = h.check()
		h.mutex.Lock()
		h.current = nil
		h.mutex.Unlock()
		close(begun.done)
	}()
	return begun
}
