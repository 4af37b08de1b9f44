package suite

import "testing"

// A variant is one way to use the plugin that every guarantee is tried on:
// killed, faulted, raced, in random order. A new kind of endpoint is put through
// all of it by its lines in the table.
type variant struct {
	name string
	// network makes the configuration, and what it needs beside VPP.
	network func(b *bench) surroundings
}

// surroundings are what a variant's attachments are made in.
type surroundings struct {
	conf object
	// cluster has the pod, where there is an API server.
	cluster *cluster
	// prepare puts on the host's VPP what an administrator would, now and after
	// each of its restarts; nil: nothing.
	prepare func()
	// hang tells that this variant has messages that no other has, so that waiting
	// at each of them is worth the time.
	hang bool
}

// attach is an attachment of the variant's pod.
func (s surroundings) attach(b *bench, id, ifName string) attachment {
	a := b.attach(s.conf, id, ifName)
	if s.cluster != nil {
		a = a.asPod("u-1")
	}
	return a
}

// variants are chosen so that each netType, kind of socket, IPAM and API server
// meets each other at least once. None needs more than the simulator has.
var variants = []variant{
	{"bridge, file", func(b *bench) surroundings { return b.memifVariant("bridge", object{}) }},
	{"VLAN with uplink, abstract, IPAM", func(b *bench) surroundings {
		s := b.memifVariant("bridge", object{"socketType": "abstract"}, b.hostLocal(1))
		s.conf["host"].(object)["bridge"] = object{"bridgeName": "blue", "vlanId": 100, "uplink": "memif9/0"}
		s.hang = true
		s.prepare = func() { b.uplink("master", b.dir+"/uplink.sock") }
		return s
	}},
	{"routed, file, IPAM, API server", func(b *bench) surroundings {
		s := b.memifVariant("interface", object{"secret": "hush"}, b.subnet("10.1.0.0/24", "fd00:1::/64")).withAPI(b)
		s.hang = true
		return s
	}},
	{"routed in a VRF, abstract, IPAM", func(b *bench) surroundings {
		s := b.memifVariant("interface", object{"socketType": "abstract"}, b.subnet("10.1.0.0/24"))
		s.conf["host"].(object)["vrf"] = 7
		s.conf["host"].(object)["antiSpoof"] = true
		return s
	}},
	{"VCL in a VRF, cut-through, file, IPAM", func(b *bench) surroundings {
		return b.hostVariant(object{"iftype": "vcl", "netType": "interface", "vrf": 7, "vcl": object{"socketType": "file", "cutThrough": true}}, b.subnet("10.2.0.0/24"))
	}},
	{"none, file, API server, device information", func(b *bench) surroundings {
		return b.memifVariant("none", object{}, b.deviceInfo()).withAPI(b)
	}},
	{"vhost-user server, bridge, IPAM", func(b *bench) surroundings {
		return b.hostVariant(object{"iftype": "vhostuser", "netType": "bridge", "vhost": object{"mode": "server"}}, b.hostLocal(1))
	}},
	{"vhost-user client, routed, IPAM", func(b *bench) surroundings {
		return b.hostVariant(object{"iftype": "vhostuser", "netType": "interface", "vhost": object{"mode": "client"}}, b.subnet("10.1.0.0/24", "fd00:1::/64"))
	}},
	{"VCL, IPAM, API server", func(b *bench) surroundings {
		s := b.hostVariant(object{"iftype": "vcl", "netType": "interface"}, b.subnet("10.2.0.0/24", "fd00:2::/64")).withAPI(b)
		s.hang = true
		return s
	}},
	{"none, abstract, rx-mode", func(b *bench) surroundings {
		s := b.memifVariant("none", object{"socketType": "abstract"})
		s.conf["host"].(object)["rxMode"] = "interrupt"
		return s
	}},
}

// onVariants runs a test on every variant on every engine.
func onVariants(t *testing.T, test func(b *bench, s surroundings)) {
	onEach(t, func(b *bench) {
		for _, v := range variants {
			b.on(v, test)
		}
	})
}

// on runs a test on one variant, on a bench of its own.
func (b *bench) on(v variant, test func(b *bench, s surroundings)) {
	b.Run(v.name, func(t *testing.T) {
		own := *b
		own.T = t
		s := v.network(&own)
		if s.prepare != nil {
			s.prepare()
			own.given = own.objects()
		}
		test(&own, s)
		own.nothingLeft()
		if s.prepare != nil {
			own.restartVPP()
		}
	})
}

func (b *bench) memifVariant(netType string, memif object, more ...object) surroundings {
	return b.hostVariant(object{"iftype": "memif", "netType": netType, "memif": memif}, more...)
}

func (b *bench) hostVariant(host object, more ...object) surroundings {
	host["engine"], host["mtu"] = "vpp", 1500
	if host["netType"] == "bridge" {
		host["bridge"] = object{"bridgeName": "4"}
	}
	return surroundings{conf: b.network("net", append(more, object{"host": host, "vppApiSocket": b.switched()})...)}
}

// withAPI adds an API server with the pod and a volume of its own.
func (s surroundings) withAPI(b *bench) surroundings {
	s.cluster = b.cluster()
	s.conf["kubeconfig"] = s.cluster.kubeconfig
	return s
}

// TestVariants attaches each variant, finds it intact, and detaches it.
func TestVariants(t *testing.T) {
	onVariants(t, func(b *bench, s surroundings) {
		a := s.attach(b, "sandbox", "net1")
		a.add()
		if err := a.call("CHECK").Error(); err != nil {
			b.Errorf("CHECK: %v", err)
		}
		if len(b.objects()) == 0 {
			b.Error("there is nothing on the host's VPP")
		}
		a.del()
	})
}
