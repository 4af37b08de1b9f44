package main

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/spf13/cobra"

	"github.com/userspace-cni/userspace-cni/pkg/logging"
	usrspapp "github.com/userspace-cni/userspace-cni/usrsp-app"
)

func healthCommand(app *usrspapp.App) *cobra.Command {
	var options usrspapp.HealthOptions
	var listen, connect string
	health := &cobra.Command{
		Use:   "health",
		Short: "Tell in one line, and by the exit status, whether the pod's endpoints are alive",
		Long: `Tell in one line, and by the exit status (0: good, 1: bad), whether the endpoints of
the pod's contract are alive: VCL by attaching to the host's VPP as an application
does, memif by the link of its interface on the container's VPP, vhost-user by its
socket. With --listen it serves the same at /healthz and /readyz (200 or 503).`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			log, closeLog := logging.New(cmd.ErrOrStderr(), "", "error")
			defer closeLog()
			app.Log = log
			if connect != "" {
				to, err := netip.ParseAddrPort(connect)
				if err != nil {
					return fmt.Errorf("--connect %q is not allowed; allowed: an address with a port, such as 10.0.0.1:80 or [fd00::1]:80", connect)
				}
				options.Connect = to
			}
			if listen != "" {
				return app.ServeHealth(cmd.Context(), listen, options)
			}
			err := app.Health(cmd.Context(), cmd.OutOrStdout(), options)
			if errors.Is(err, usrspapp.ErrUnhealthy) {
				return exit{status: 1}
			}
			return err
		},
	}
	sourceFlags(health, app)
	interfaceFlag(health, &options.Interface)
	libraryFlag(health, &options.Library)
	health.Flags().StringVar(&connect, "connect", "", "ADDR:PORT to open a TCP connection to over VCL, too, by python3, perl or nc")
	health.Flags().DurationVar(&options.Within, "within", 2*time.Second, "longest time of a check")
	health.Flags().StringVar(&listen, "listen", "", "ADDR:PORT or :PORT to serve /healthz and /readyz on")
	return health
}
