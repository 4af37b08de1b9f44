package metrics

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// What a client may take, so that a slow one holds nothing for long.
const (
	headerTimeout = 5 * time.Second
	answerTimeout = 30 * time.Second
	idleTimeout   = 2 * time.Minute
	// leaveTimeout is what answers under way are given at the end.
	leaveTimeout = 3 * time.Second
)

// Check returns what is wrong, or nil.
type Check func() error

// ServeHTTP answers 200 and "ok", or 503 and what is wrong.
func (check Check) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	if err := check(); err != nil {
		w.WriteHeader(http.StatusServiceUnavailable)
		fmt.Fprintln(w, err)
		return
	}
	fmt.Fprintln(w, "ok")
}

// Serve serves the handlers, by path, at address, a host and a port, until ctx
// ends, and returns nil then. An empty address serves nothing, until then too.
// The error is that the address can't be listened on.
func Serve(ctx context.Context, address string, handlers map[string]http.Handler, log *slog.Logger) error {
	if address == "" {
		<-ctx.Done()
		return nil
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("serve: %w", err)
	}
	log.Info("serving", "address", listener.Addr().String())
	server := &http.Server{
		Handler: routes(handlers), ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		ReadHeaderTimeout: headerTimeout, ReadTimeout: headerTimeout, WriteTimeout: answerTimeout, IdleTimeout: idleTimeout,
	}
	left := make(chan error, 1)
	go func() {
		<-ctx.Done()
		left <- leave(context.WithoutCancel(ctx), server)
	}()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve: %w", err)
	}
	return <-left
}

// Beside does something, and has the probes /healthz, which tells that the process
// lives, and /readyz, which makes the check, answered at address meanwhile.
func Beside(ctx context.Context, address string, ready Check, log *slog.Logger, do func(context.Context) error) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	served := make(chan error, 1)
	go func() {
		served <- Serve(ctx, address, map[string]http.Handler{"/healthz": Check(func() error { return nil }), "/readyz": ready}, log)
		stop() // it can't listen there
	}()
	err := do(ctx)
	stop()
	if failed := <-served; failed != nil {
		return failed
	}
	return err
}

func routes(handlers map[string]http.Handler) *http.ServeMux {
	mux := http.NewServeMux()
	for path, handler := range handlers {
		mux.Handle("GET "+path, handler)
	}
	return mux
}

// leave lets answers under way finish, and cuts off those that don't.
func leave(ctx context.Context, server *http.Server) error {
	ctx, cancel := context.WithTimeout(ctx, leaveTimeout)
	defer cancel()
	if err := server.Shutdown(ctx); err != nil {
		return server.Close()
	}
	return nil
}
