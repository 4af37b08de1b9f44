// Command vppsim is a simulator of FD.io VPP for trying and testing the plugin
// where no VPP is installed; see package vppsim for what it does and doesn't.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/userspace-cni/userspace-cni/pkg/vppsim"
	"github.com/userspace-cni/userspace-cni/pkg/vppsim/fault"
)

func main() {
	if err := run(os.Args[1:]); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "vppsim:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	opts := vppsim.Options{Log: slog.New(slog.NewTextHandler(os.Stderr, nil))}
	flags := flag.NewFlagSet("vppsim", flag.ContinueOnError)
	flags.StringVar(&opts.APISocket, "api-socket", "/run/vpp/api.sock", "`path` of the binary API's socket")
	version := flags.Bool("version", false, "print the version and exit")
	flags.Func("fault", "`ACTION:WHERE`: refuse, hang or die at message N, MESSAGE or MESSAGE:N; may be repeated", func(v string) error {
		f, err := fault.Parse(v)
		opts.Faults = append(opts.Faults, f)
		return err
	})
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *version {
		fmt.Println("vppsim", vppsim.Version)
		return nil
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	fmt.Fprintf(os.Stderr, "vppsim: simulator, not a VPP; API socket %s\n", opts.APISocket)
	return vppsim.New(opts).Run(ctx)
}
