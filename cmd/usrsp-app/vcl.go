package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/userspace-cni/userspace-cni/pkg/logging"
	usrspapp "github.com/userspace-cni/userspace-cni/usrsp-app"
)

func vclConfCommand(app *usrspapp.App) *cobra.Command {
	var options usrspapp.VCLOptions
	conf := &cobra.Command{
		Use:   "vcl-conf",
		Short: "Write vcl.conf, and print the environment of a program that is to use VPP's sockets",
		Long: `Write vcl.conf for a VCL network of the pod, once the contract is there, and print
the environment of one program that is to use it:

  env $(usrsp-app vcl-conf) iperf3 -s

It is that program's alone: a shell, or a helper that the program starts, may not
survive the preloaded library. usrsp-app vcl-exec does the same in one step.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			log, closeLog := logging.New(cmd.ErrOrStderr(), "", "info")
			defer closeLog()
			app.Log = log
			return app.VCLConf(cmd.Context(), cmd.OutOrStdout(), options)
		},
	}
	vclFlags(conf, app, &options)
	return conf
}

func vclExecCommand(app *usrspapp.App) *cobra.Command {
	var options usrspapp.VCLOptions
	run := &cobra.Command{
		Use:   "vcl-exec [flags] -- PROGRAM [ARGUMENT...]",
		Short: "Become a program whose sockets are VPP's",
		Long: `Write vcl.conf for a VCL network of the pod, once the contract is there, and become
the program, with VCL preloaded:

  usrsp-app vcl-exec -- iperf3 -s

The exit status is the program's; 1 where it wasn't started, 127 where there is no
such program.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, program []string) error {
			log, closeLog := logging.New(cmd.ErrOrStderr(), "", "info")
			defer closeLog()
			app.Log = log
			err := app.VCLExec(cmd.Context(), options, program)
			if errors.Is(err, usrspapp.ErrNoProgram) {
				return exit{status: 127, err: fmt.Errorf("%s: %w", program[0], usrspapp.ErrNoProgram)}
			}
			return err
		},
	}
	run.Flags().SetInterspersed(false)
	vclFlags(run, app, &options)
	return run
}

func vclFlags(cmd *cobra.Command, app *usrspapp.App, options *usrspapp.VCLOptions) {
	contractFlags(cmd, app)
	interfaceFlag(cmd, &options.Interface)
	cmd.Flags().StringVar(&options.Config, "config", "", "a vcl.conf of your own; where it has no app-socket-api, the network's socket is put in")
	cmd.Flags().StringVar(&options.Output, "output", "", "where to write vcl.conf (default: a directory of the user's in $TMPDIR or /tmp, else in /dev/shm)")
	libraryFlag(cmd, &options.Library)
}

func interfaceFlag(cmd *cobra.Command, ifName *string) {
	cmd.Flags().StringVar(ifName, "interface", "", "interface of the network in the pod (default: the only one)")
}

func libraryFlag(cmd *cobra.Command, library *string) {
	cmd.Flags().StringVar(library, "library", "", "path of libvcl_ldpreload.so (default: beside usrsp-app, else in the system's directories)")
}
