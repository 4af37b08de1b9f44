package netconf

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/userspace-cni/userspace-cni/pkg/nodeconf"
)

// node makes settings of JSON.
func node(t *testing.T, settings string) nodeconf.Settings {
	t.Helper()
	s, err := nodeconf.Parse([]byte(settings))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// all are settings that grant everything to the namespace a and nothing else.
const all = `{"grants":[{"namespaces":["a"],"bridges":["*"],"vrfs":["*"],"uplinks":["*"],"vppApiSockets":["*"]}]}`

func TestCheckGrants(t *testing.T) {
	const (
		bridge  = `"host":{"iftype":"memif","netType":"bridge","bridge":{"bridgeName":"blue","vlanId":100,"uplink":"eth0"}}`
		number  = `"host":{"iftype":"memif","netType":"bridge","bridge":{"bridgeName":"004","bridgeId":4}}`
		routed  = `"host":{"iftype":"memif","netType":"interface"}`
		table   = `"host":{"iftype":"memif","netType":"interface","vrf":7}`
		alone   = `"host":{"iftype":"memif","netType":"none","bridge":{"bridgeName":"blue","uplink":"eth0"}}`
		slave   = `"host":{"iftype":"memif","netType":"none","memif":{"role":"slave"}}`
		socket  = `"vppApiSocket":"/run/other.sock",`
		nodes   = `"vppApiSocket":"/run/node.sock",`
		nothing = `{"grants":[]}`
		more    = "; more, with grants in /etc/userspace-cni/node.json"
	)
	for _, c := range []struct {
		name, conf, node, namespace, want string
	}{
		{"no settings", socket + bridge, `{}`, "a", ""},
		{"a host-side slave", slave, `{}`, "a", `host.memif.role: "slave" is not allowed by the node settings (a slave on the host connects blockingly in VPP's main thread); allowed: "master"; any, with allowHostSlave in /etc/userspace-cni/node.json`},
		{"grants don't allow it", slave, all, "a", `host.memif.role: "slave" is not allowed by the node settings (a slave on the host connects blockingly in VPP's main thread); allowed: "master"; any, with allowHostSlave in /etc/userspace-cni/node.json`},
		{"the setting does", slave, `{"allowHostSlave":true,"grants":[]}`, "a", ""},
		{"everything granted", socket + bridge, all, "a", ""},
		{"every table granted", table, all, "a", ""},
		{"to another namespace", socket + bridge, all, "b", `3 faults in the network configuration:
host.bridge: "blue.100" is not granted to namespace "b" by the node settings; allowed: none` + more + `
host.bridge.uplink: "eth0" is not granted to namespace "b" by the node settings; allowed: none` + more + `
vppApiSocket: "/run/other.sock" is not granted to namespace "b" by the node settings; allowed: none` + more},
		{"the VLAN is another bridge", bridge, `{"grants":[{"namespaces":["a"],"bridges":["blue","4"],"uplinks":["eth0"]}]}`, "a", `host.bridge: "blue.100" is not granted to namespace "a" by the node settings; allowed: "4", "blue"` + more},
		{"the VLAN", bridge, `{"grants":[{"namespaces":["a"],"bridges":["blue.100"],"uplinks":["eth0"]}]}`, "a", ""},
		{"any spelling of a number", number, `{"grants":[{"namespaces":["a"],"bridges":["4"]}]}`, "a", ""},
		{"no namespace", number, all, "", `host.bridge: "4" is not granted to a pod without namespace by the node settings; allowed: none` + more},
		{"no namespace, granted to all", number, `{"grants":[{"namespaces":["*"],"bridges":["4"]}]}`, "", ""},
		{"the default table", routed, `{"grants":[{"namespaces":["a"],"vrfs":[7]}]}`, "a", `host.vrf: "0" is not granted to namespace "a" by the node settings; allowed: "7"` + more},
		{"the default table granted", routed, `{"grants":[{"namespaces":["a"],"vrfs":[0]}]}`, "a", ""},
		{"a table", table, `{"grants":[{"namespaces":["a"],"vrfs":[7]}]}`, "a", ""},
		{"names nothing", alone, nothing, "a", ""},
		{"the default socket is the node's", alone, `{"vppApiSocket":"/run/node.sock","grants":[]}`, "a", ""},
		{"the node's socket", nodes + alone, `{"vppApiSocket":"/run/node.sock","grants":[]}`, "a", ""},
		{"the usual socket on a node with another", `"vppApiSocket":"/run/vpp/api.sock",` + alone, `{"vppApiSocket":"/run/node.sock","grants":[]}`, "a", `vppApiSocket: "/run/vpp/api.sock" is not granted to namespace "a" by the node settings; allowed: none` + more},
	} {
		t.Run(c.name, func(t *testing.T) {
			conf, err := Parse([]byte(`{"cniVersion":"1.1.0","name":"n",` + c.conf + `}`))
			if err != nil {
				t.Fatal(err)
			}
			before, settings := *conf, node(t, c.node)
			got := ""
			if err := conf.CheckGrants(settings, c.namespace); err != nil {
				got = err.Error()
				var faults Errors
				if !errors.As(err, &faults) {
					t.Errorf("%T is not an Errors", err)
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			conf.ApplyNode(settings)
			if again := conf.CheckGrants(settings, c.namespace); (again != nil) != (c.want != "") {
				t.Errorf("after ApplyNode: %v", again)
			}
			if before.Host.Bridge != conf.Host.Bridge {
				t.Error("the configuration is changed")
			}
		})
	}
}

// TestBridgesCanBeGranted: what Key gives is what a grant takes.
func TestBridgesCanBeGranted(t *testing.T) {
	for _, g := range rights {
		conf, err := Parse(g.document())
		if err != nil || conf.Host.Bridge == nil {
			continue
		}
		key := conf.Host.Bridge.Key()
		settings := node(t, `{"grants":[{"namespaces":["*"],"bridges":["`+key+`"],"uplinks":["*"],"vppApiSockets":["*"]}]}`)
		settings.AllowHostSlave = true
		if err := conf.CheckGrants(settings, ""); err != nil {
			t.Errorf("%s=%s: %v", g.path, g.value, err)
		}
	}
}

func TestApplyNode(t *testing.T) {
	settings := node(t, `{"vppApiSocket":"/run/node.sock","logFile":"/node.log","logLevel":"debug","kubeconfig":"/node.conf"}`)
	own := `"vppApiSocket":"/run/vpp/api.sock","logFile":"/own.log","logLevel":"error","kubeconfig":"/own.conf",`
	for _, c := range []struct {
		conf                              string
		node                              nodeconf.Settings
		socket, file, logging, kubeconfig string
	}{
		{"", settings, "/run/node.sock", "/node.log", "debug", "/node.conf"},
		{own, settings, "/run/vpp/api.sock", "/own.log", "error", "/node.conf"},
		{own, nodeconf.Default(), "/run/vpp/api.sock", "/own.log", "error", "/own.conf"},
		{"", nodeconf.Default(), DefaultVPPAPISocket, "", "", ""},
		{"", nodeconf.Settings{}, DefaultVPPAPISocket, "", "", ""},
	} {
		stdin := []byte(`{` + c.conf + strings.TrimPrefix(plain, "{"))
		for name, parse := range map[string]func([]byte) (*NetConf, error){"ADD": Parse, "DEL": ParseForDelete} {
			conf, err := parse(stdin)
			if err != nil {
				t.Fatal(err)
			}
			conf.ApplyNode(c.node)
			if conf.VPPAPISocket != c.socket || conf.LogFile != c.file || conf.LogLevel != c.logging || name == "ADD" && conf.KubeConfig != c.kubeconfig {
				t.Errorf("%s, %s: %s %s %s %s", name, c.conf, conf.VPPAPISocket, conf.LogFile, conf.LogLevel, conf.KubeConfig)
			}
		}
	}
	optIn := []byte(`{"cniVersion":"1.0.0","name":"a","host":{"iftype":"vcl","netType":"interface","vcl":{"default":"disable"}},"ipam":{"type":"x"}}`)
	forDelete, err := ParseForDelete([]byte(`{"cniVersion":"1.0.0","name":"a","host":{"iftype":"vcl","netType":"interface"}}`))
	if err != nil {
		t.Fatal(err)
	}
	forDelete.ApplyNode(nodeconf.Default())
	for path, warnings := range map[string]int{"": 1, "/node.conf": 0} {
		conf, err := Parse(optIn)
		if err != nil {
			t.Fatal(err)
		}
		conf.ApplyNode(nodeconf.Settings{KubeConfig: path})
		if len(conf.Warnings) != warnings {
			t.Errorf("opting in with the node's kubeconfig %q: %v", path, conf.Warnings)
		}
	}
	if nodeconf.Default().VPPAPISocket != DefaultVPPAPISocket {
		t.Error("the node's default is another socket than the network's")
	}
}
