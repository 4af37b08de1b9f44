package cluster

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// MultusKubeconfig are Multus' credentials, where its own installation has them.
const MultusKubeconfig = NetworksDir + "/multus.d/multus.kubeconfig"

// MultusConfig is the network that the kubelet's pods get.
const MultusConfig = NetworksDir + "/00-multus.conf"

const clusterNetwork = `{
    "cniVersion": "1.0.0", "name": "cluster", "plugins": [{
      "type": "bridge", "bridge": "cni0", "isGateway": true, "hairpinMode": true,
      "ipam": {"type": "host-local", "ranges": [[{"subnet": "` + podCIDR + `"}]], "routes": [{"dst": "0.0.0.0/0"}]}
    }]
  }`

// thinConfig has the cluster's network in it: Multus 4.2.2 forgets at DEL what it
// read from a file that clusterNetwork names.
const thinConfig = `{
  "cniVersion": "1.0.0", "name": "multus-cni-network", "type": "multus",
  "capabilities": {"portMappings": true},
  "kubeconfig": "` + MultusKubeconfig + `", "logLevel": "verbose", "logFile": %q,
  "delegates": [` + clusterNetwork + `]
}`

// thickConfig has a daemon do the same. Its cniVersion is that of the daemon's own
// configuration, in which the daemon reads earlier results.
const thickConfig = `{
  "cniVersion": "0.3.1", "name": "multus-cni-network", "type": "multus-shim",
  "capabilities": {"portMappings": true}, "logLevel": "verbose", "logToStderr": true,
  "delegates": [` + clusterNetwork + `]
}`

// offered is where Multus' daemon finds the cluster's network.
const offered = NetworksDir + "/10-cluster.conflist"

// installMultus does what the DaemonSet does that Multus ships, with its rights.
func (c *Cluster) installMultus(ctx context.Context) error {
	manifest, err := os.ReadFile(filepath.Join(c.cache, "bin/multus-daemonset.yml"))
	if err != nil {
		return err
	}
	var documents []string
	for document := range strings.SplitSeq(string(manifest), "\n---\n") {
		if !strings.Contains(document, "kind: DaemonSet") && !strings.Contains(document, "kind: ConfigMap") {
			documents = append(documents, document)
		}
	}
	if err := Apply(ctx, strings.Join(documents, "\n---\n")); err != nil {
		return err
	}
	const crd = "crd/network-attachment-definitions.k8s.cni.cncf.io"
	if _, err := Kubectl(ctx, "", "wait", "--for=condition=Established", crd, "--timeout=30s"); err != nil {
		return err
	}
	token, err := c.Token(ctx, "multus")
	if err != nil {
		return fmt.Errorf("token: %w", err)
	}
	if err := WriteKubeconfig(MultusKubeconfig, token); err != nil {
		return err
	}
	for _, plugin := range []string{"bridge", "host-local", "loopback"} {
		if err := Install(filepath.Join(c.bin, plugin)); err != nil {
			return err
		}
	}
	if err := Install(filepath.Join(c.cache, "bin/multus")); err != nil {
		return err
	}
	return c.ConfigureThin()
}

// ConfigureThin has Multus called by itself, without a daemon.
func (c *Cluster) ConfigureThin() error {
	if err := os.Remove(offered); err != nil && !os.IsNotExist(err) {
		return err
	}
	return os.WriteFile(MultusConfig, fmt.Appendf(nil, thinConfig, filepath.Join(c.logs, "multus.log")), 0o644)
}

// OfferToThick puts the cluster's network where Multus' daemon looks for it. It doesn't
// run without.
func (c *Cluster) OfferToThick() error {
	return os.WriteFile(offered, []byte(clusterNetwork), 0o644)
}

// ConfigureThick replaces what a running daemon has written, which names a file by
// clusterNetwork.
func (c *Cluster) ConfigureThick() error {
	return os.WriteFile(MultusConfig, []byte(thickConfig), 0o644)
}

// Install puts a plugin where the node looks for it.
func Install(path string) error {
	from, err := os.Open(path)
	if err != nil {
		return err
	}
	defer from.Close()
	to, err := os.OpenFile(filepath.Join(PluginsDir, filepath.Base(path)), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o755)
	if err != nil {
		return err
	}
	if _, err := io.Copy(to, from); err != nil {
		to.Close()
		return err
	}
	return to.Close()
}
