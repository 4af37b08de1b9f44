package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/userspace-cni/userspace-cni/pkg/logging"
	"github.com/userspace-cni/userspace-cni/pkg/nodeconf"
	"github.com/userspace-cni/userspace-cni/pkg/shareddir"
	"github.com/userspace-cni/userspace-cni/userspace-node/install"
	"github.com/userspace-cni/userspace-cni/userspace-node/metrics"
)

// accountDir is where a pod finds the credentials of its service account.
const accountDir = "/var/run/secrets/kubernetes.io/serviceaccount"

// pluginPath is where the image has the plugin.
const pluginPath = "/usr/local/bin/userspace"

func installCommand() *cobra.Command {
	var i install.Installer
	var listen string
	cmd := &cobra.Command{
		Use:   "install",
		Short: "Put the plugin on this node, and keep it and its credentials current",
		Long: "Copies the plugin into the node's CNI directory, writes a kubeconfig for it beside the node\n" +
			"settings, and puts both right again whenever they are not, until it is stopped. Neither goes\n" +
			"then: userspace-node uninstall removes them.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := notTooShort("--interval", i.Interval); err != nil {
				return err
			}
			if err := i.Credentials.CheckServer(); err != nil {
				return fmt.Errorf("--server: %w", err)
			}
			if err := resolve(&i.Place); err != nil {
				return err
			}
			log, closeLog := logging.New(os.Stderr, "", "info")
			defer closeLog()
			i.Log = log
			return metrics.Beside(cmd.Context(), listen, i.Healthy, log, i.Run)
		},
	}
	flags := cmd.Flags()
	placeFlags(flags, &i.Place)
	flags.StringVar(&i.Program, "plugin", pluginPath, "the plugin to install")
	flags.StringVar(&i.Credentials.Server, "server", install.ServiceURL(), "the API server's URL as the node reaches it (default: the service's)")
	flags.StringVar(&i.Credentials.TokenFile, "token-file", accountDir+"/token", "the token that the plugin gets")
	flags.StringVar(&i.Credentials.AuthorityFile, "authority-file", accountDir+"/ca.crt", "the API server's authority")
	flags.DurationVar(&i.Interval, "interval", 10*time.Second, "how often it is looked at what is there")
	flags.StringVar(&listen, "listen", "", "address of /healthz and /readyz, such as :9478; empty: none")
	return cmd
}

func uninstallCommand() *cobra.Command {
	var u install.Uninstaller
	var listen string
	var stay bool
	cmd := &cobra.Command{
		Use:   "uninstall",
		Short: "Take the plugin off this node, once no pod needs it",
		Long: "Waits for userspace-node install to end and for the last pod that the plugin has attached,\n" +
			"and removes the plugin, its credentials and its records. The node settings stay.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := notTooShort("--interval", u.Interval); err != nil {
				return err
			}
			if err := resolve(&u.Place); err != nil {
				return err
			}
			log, closeLog := logging.New(os.Stderr, "", "info")
			defer closeLog()
			u.Log = log
			return metrics.Beside(cmd.Context(), listen, u.Done, log, func(ctx context.Context) error {
				err := u.Run(ctx)
				if err == nil && stay {
					<-ctx.Done()
				}
				return err
			})
		},
	}
	flags := cmd.Flags()
	placeFlags(flags, &u.Place)
	flags.StringVar(&u.Program, "plugin", pluginPath, "the plugin, put back for a pod that is attached at the last moment")
	flags.StringVar(&u.SharedDir, "shared-dir", shareddir.DefaultBase, "the plugin's own shared directory, removed when it is empty")
	flags.BoolVar(&u.Force, "force", false, "do not wait for pods: the kubelet can't end those that are attached any more")
	flags.BoolVar(&stay, "stay", false, "go on when done, as a DaemonSet's pod must")
	flags.DurationVar(&u.Interval, "interval", time.Second, "how often it is looked for pods")
	flags.StringVar(&listen, "listen", "", "address of /readyz, which tells whether it is done, such as :9478; empty: none")
	return cmd
}

func placeFlags(flags *pflag.FlagSet, p *install.Place) {
	flags.StringVar(&p.BinDir, "cni-bin-dir", "/opt/cni/bin", "the node's CNI directory")
	flags.StringVar(&p.SettingsDir, "settings-dir", filepath.Dir(nodeconf.DefaultPath), "where the node settings are, and the credentials go")
}

// resolve finds out where this node has its records.
func resolve(p *install.Place) error {
	settings, err := nodeconf.Load(filepath.Join(p.SettingsDir, filepath.Base(nodeconf.DefaultPath)))
	p.RecordsDir = settings.RecordsDir
	return err
}
