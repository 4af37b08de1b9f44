package main

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/spf13/cobra"

	"github.com/userspace-cni/userspace-cni/pkg/buildinfo"
	"github.com/userspace-cni/userspace-cni/pkg/logging"
	usrspapp "github.com/userspace-cni/userspace-cni/usrsp-app"
)

// command is the whole command line.
func command() *cobra.Command {
	app := &usrspapp.App{}
	var once bool
	var level string
	root := &cobra.Command{
		Use:           "usrsp-app",
		Short:         "Configure the container's VPP as the userspace CNI plugin's contract says",
		Version:       buildinfo.Version(),
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			log, closeLog := logging.New(cmd.ErrOrStderr(), "", level)
			defer closeLog()
			app.Log = log
			if once {
				return app.Once(cmd.Context())
			}
			return app.Run(cmd.Context())
		},
	}
	root.CompletionOptions.DisableDefaultCmd = true
	root.PersistentFlags().StringVar(&app.VPPAPISocket, "vpp-api-socket", usrspapp.DefaultVPPAPISocket, "API socket of the container's VPP")
	contractFlags(root, app)
	root.Flags().StringVar(&app.ReadyFile, "ready-file", "", "file to create when everything is configured")
	root.Flags().BoolVar(&once, "once", false, "configure and exit, with an error when anything failed")
	root.Flags().StringVar(&level, "log-level", "info", "error, warning, info or debug")
	root.AddCommand(showCommand(app), pingCommand(app), dpdkArgsCommand(app), vclConfCommand(app), vclExecCommand(app), healthCommand(app))
	return root
}

// contractFlags are those of the commands that wait for the contract.
func contractFlags(cmd *cobra.Command, app *usrspapp.App) {
	sourceFlags(cmd, app)
	cmd.Flags().DurationVar(&app.Timeout, "timeout", 0, "longest wait for the contract and for VPP (0: for ever)")
}

// sourceFlags say where the contract is.
func sourceFlags(cmd *cobra.Command, app *usrspapp.App) {
	cmd.Flags().StringVar(&app.SharedDir, "shared-dir", usrspapp.DefaultSharedDir, "directory that holds the sockets and the contract files")
	cmd.Flags().StringVar(&app.PodInfo, "podinfo", "", "directory of the downward-API volume (default: /etc/podinfo, else /etc/podnetinfo)")
}

func dpdkArgsCommand(app *usrspapp.App) *cobra.Command {
	var options usrspapp.DPDKOptions
	args := &cobra.Command{
		Use:   "dpdk-args",
		Short: "Print what a DPDK application has to be told about the pod's interfaces",
		Long: `Print the arguments of DPDK's EAL for every interface of the pod, in the order of
its networks, once the contract is there:

  args=$(usrsp-app dpdk-args) && exec dpdk-testpmd $args -- --auto-start

Memory, cores and PCI devices are the application's own: -m, -l, --no-huge,
--no-pci, --file-prefix. A memif's queues are set up by the application, too;
dpdk-testpmd has --rxq and --txq for it.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			log, closeLog := logging.New(cmd.ErrOrStderr(), "", "info")
			defer closeLog()
			app.Log = log
			return app.DPDKArgs(cmd.Context(), cmd.OutOrStdout(), options)
		},
	}
	contractFlags(args, app)
	args.Flags().IntVar(&options.Queues, "queues", 0, "queues of each interface in each direction (0: what the contract says, or 1)")
	args.Flags().BoolVar(&options.JSON, "json", false, "print JSON, with addresses, routes, MTU and names")
	return args
}

func showCommand(app *usrspapp.App) *cobra.Command {
	var asJSON bool
	show := &cobra.Command{
		Use:   "show",
		Short: "Show the interfaces of the container's VPP with addresses, link state and peer",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return app.Show(cmd.Context(), cmd.OutOrStdout(), asJSON)
		},
	}
	show.Flags().BoolVar(&asJSON, "json", false, "print JSON instead of a table")
	return show
}

func pingCommand(app *usrspapp.App) *cobra.Command {
	var options usrspapp.PingOptions
	ping := &cobra.Command{
		Use:   "ping ADDR",
		Short: "Ping an address from the container's VPP; fails when nothing comes back",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			to, err := netip.ParseAddr(args[0])
			if err != nil {
				return fmt.Errorf("ADDR %q is not an IP address", args[0])
			}
			return app.Ping(cmd.Context(), cmd.OutOrStdout(), to.Unmap(), options)
		},
	}
	ping.Flags().Uint32Var(&options.Count, "count", 4, "number of echo requests")
	ping.Flags().DurationVar(&options.Interval, "interval", 200*time.Millisecond, "time between them")
	ping.Flags().DurationVar(&options.Settle, "settle", 0, "before counting, wait up to this long for a first reply: VPP drops what it sends before it knows the neighbour")
	return ping
}
