package main

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/userspace-cni/userspace-cni/pkg/logging"
	"github.com/userspace-cni/userspace-cni/pkg/nodeconf"
	"github.com/userspace-cni/userspace-cni/pkg/state"
	"github.com/userspace-cni/userspace-cni/userspace"
	node "github.com/userspace-cni/userspace-cni/userspace-node"
)

// shortest is how often everything may be looked at, and the least time of grace.
const shortest = 100 * time.Millisecond

func command() *cobra.Command {
	var c node.Config
	var level, cniBinDir string
	cmd := &cobra.Command{
		Use:   "userspace-node",
		Short: "Keeps what the userspace CNI plugin has made on this node",
		Long: "Makes endpoints again when VPP has restarted or has lost something of them, removes what no\n" +
			"pod uses any more, and shows metrics. It reads the node settings of the plugin,\n" + nodeconf.DefaultPath + ".",
		Version:       userspace.Version(),
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := errors.Join(notTooShort("--interval", c.Interval), notTooShort("--grace", c.Grace)); err != nil {
				return err
			}
			if !logging.IsLevel(level) {
				return fmt.Errorf("--log-level %q is not allowed; allowed: debug, info, warning, error", level)
			}
			settings, err := nodeconf.Load(nodeconf.DefaultPath)
			if err != nil {
				return err
			}
			// IPAM plugins, which give addresses back, are looked for there.
			if err := os.Setenv("CNI_PATH", cniBinDir); err != nil {
				return err
			}
			log, closeLog := logging.New(os.Stderr, "", level)
			defer closeLog()
			c.Log = log
			if c.APISocket == "" {
				c.APISocket = settings.VPPAPISocket
			}
			plugin := userspace.New(settings, nil)
			plugin.Store = &state.Cache{Files: state.Files{Dir: settings.RecordsDir}}
			return node.Run(cmd.Context(), plugin, c)
		},
	}
	flags := cmd.Flags()
	cmd.AddCommand(installCommand(), uninstallCommand())
	flags.StringVar(&c.Listen, "listen", "127.0.0.1:9477", "address of /metrics, /healthz and /readyz; empty: none")
	flags.StringVar(&c.APISocket, "vpp-api-socket", "", "API socket of a VPP that no attachment names yet (default: the node settings')")
	flags.StringVar(&c.StatsSocket, "vpp-stats-socket", "", "that VPP's stats segment (default: stats.sock beside the API socket)")
	flags.StringVar(&c.Pods.Node, "node-name", os.Getenv("NODE_NAME"), "this node's name in Kubernetes (default: $NODE_NAME)")
	flags.StringVar(&c.Pods.Kubeconfig, "kubeconfig", "", "credentials for the API server (default: those of the pod it runs in, if any)")
	flags.StringVar(&cniBinDir, "cni-bin-dir", "/opt/cni/bin", "where the IPAM plugins are")
	flags.DurationVar(&c.Interval, "interval", 30*time.Second, "how often everything is looked at")
	flags.DurationVar(&c.Grace, "grace", 2*time.Minute, "how long something must have been unused before it is removed")
	flags.BoolVar(&c.NoCollect, "no-collect", false, "remove nothing")
	flags.StringVar(&level, "log-level", "info", "debug, info, warning or error")
	return cmd
}

func notTooShort(flag string, given time.Duration) error {
	if given < shortest {
		return fmt.Errorf("%s %s is not allowed; allowed: at least %s", flag, given, shortest)
	}
	return nil
}
