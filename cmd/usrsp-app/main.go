// Command usrsp-app runs in the container: it configures the container's VPP as
// the CNI plugin's contract says, and shows what there is.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := command().ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "usrsp-app:", err)
		os.Exit(1)
	}
}
