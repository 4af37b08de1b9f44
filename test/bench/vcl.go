package main

// ofSockets compares ADD and DEL of a VCL endpoint, of both layouts, with those of a
// memif in a routed network.
func (b *bench) ofSockets() error {
	routed := b.network(object{"name": "routed", "host": object{
		"engine": "vpp", "iftype": "memif", "netType": "interface",
	}}, b.hostLocal("10.6.0.0/16"))
	for _, layout := range []struct {
		name string
		conf []byte
	}{
		{"ADD of VCL", b.vcl("vcl", "10.7.0.0/16", false)},
		{"ADD of VCL, cut-through", b.vcl("cut", "10.8.0.0/16", true)},
	} {
		adds, err := compare(30, b.add(layout.conf), b.add(routed))
		if err != nil {
			return err
		}
		adds.row(layout.name+" / of a routed memif", 0).print()
		dels, err := compare(30, b.del(layout.conf), b.del(routed))
		if err != nil {
			return err
		}
		dels.row("DEL of it / of a routed memif", 0).print()
	}
	return nil
}

// vcl is a network of VCL endpoints.
func (b *bench) vcl(name, subnet string, cutThrough bool) []byte {
	return b.network(object{"name": name, "host": object{
		"engine": "vpp", "iftype": "vcl", "netType": "interface", "vcl": object{"cutThrough": cutThrough},
	}}, b.hostLocal(subnet))
}
