// Command userspace-node runs once on each node: it makes the endpoints of pods
// again when VPP has restarted, removes what no pod uses, and shows metrics.
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
		fmt.Fprintln(os.Stderr, "userspace-node:", err)
		os.Exit(1)
	}
}
