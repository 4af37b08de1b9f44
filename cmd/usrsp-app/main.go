// Command usrsp-app runs in the container: it configures the container's VPP as
// the CNI plugin's contract says, and shows what there is.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := command().ExecuteContext(ctx); err != nil {
		os.Exit(fail(err))
	}
}

// exit is an error with an exit status of its own; without a text it has been said
// already.
type exit struct {
	status int
	err    error
}

func (e exit) Error() string { return fmt.Sprint(e.err) }

func (e exit) Unwrap() error { return e.err }

// fail says what went wrong, and returns the exit status.
func fail(err error) int {
	e := exit{status: 1, err: err}
	errors.As(err, &e)
	if e.err != nil {
		fmt.Fprintln(os.Stderr, "usrsp-app:", e.err)
	}
	return e.status
}
