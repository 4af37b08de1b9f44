package netconf

import (
	"cmp"
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/userspace-cni/userspace-cni/pkg/deviceinfo"
	"github.com/userspace-cni/userspace-cni/pkg/internal/fields"
)

// edit is one value at one place of an otherwise valid configuration.
type edit struct{ path, value string }

// document is that configuration.
func (e edit) document() []byte { return e.in(plain) }

// in puts the value into another one.
func (e edit) in(base string) []byte {
	var doc map[string]any
	if err := json.Unmarshal([]byte(base), &doc); err != nil {
		panic(err)
	}
	keys := strings.Split(e.path, ".")
	at := doc
	for _, k := range keys[:len(keys)-1] {
		next, ok := at[k].(map[string]any)
		if !ok {
			next = map[string]any{}
			at[k] = next
		}
		at = next
	}
	at[keys[len(keys)-1]] = json.RawMessage(e.value)
	b, err := json.Marshal(doc)
	if err != nil {
		panic(err)
	}
	return b
}

const plain = `{"cniVersion": "1.1.0", "name": "net-1",
	"host": {"iftype": "memif", "netType": "bridge", "bridge": {"bridgeId": 4}}}`

// routed and sockets are others, of which some rules are.
const (
	routed  = `{"cniVersion": "1.1.0", "name": "net-1", "host": {"iftype": "memif", "netType": "interface"}}`
	sockets = `{"cniVersion": "1.1.0", "name": "net-1", "ipam": {"type": "host-local"}, "host": {"iftype": "vcl", "netType": "interface"}}`
)

// wrong is a value that is refused, with what the message has to say.
type wrong struct {
	edit
	base         string // the configuration it is put into; empty: plain
	at           string // field to be named; empty: the path
	allowed      string
	unsupported  bool
	beyondSchema string // why the schema can't see it
}

func (x wrong) document() []byte { return x.in(cmp.Or(x.base, plain)) }

// repeated gives n times s as a JSON string.
func repeated(s string, n int) string { return `"` + strings.Repeat(s, n) + `"` }

const (
	nowMemif  = `"memif"`
	boolText  = "true, false"
	mtuRange  = "from 64 to 9216"
	macText   = "a unicast address of six bytes"
	ringText  = "a power of two from 8 to 16384"
	nameText  = "letters, digits"
	fileText  = "a file name of at most 64"
	queueText = "from 1 to 255"
	vclText   = "such as \"vpp/session\""
	fifoText  = "from 4096 to 1073741824 bytes"
	scopeText = `"local", "global"`
)

func w(path, value, allowed string) wrong { return wrong{edit: edit{path, value}, allowed: allowed} }

func later(path, value, allowed string) wrong {
	return wrong{edit: edit{path, value}, allowed: allowed, unsupported: true}
}

// wrongs has every field wrong in every way that there is a rule against.
var wrongs = slices.Concat([]wrong{
	w("cniVersion", `"0.1.0"`, `"0.3.1", "0.4.0", "1.0.0", "1.1.0"`),
	w("cniVersion", `"0.3.0"`, `"0.3.1"`),
	w("cniVersion", `"2.0.0"`, `"1.1.0"`),
	w("cniVersion", `1.1`, `"1.1.0"`),
	{edit: edit{"cniVersion", `""`}, allowed: `"1.1.0"`},
	{edit: edit{"cniVersion", `null`}, allowed: `"1.1.0"`},
	w("name", `"a/b"`, nameText),
	w("name", `".a"`, nameText),
	w("name", `"nät"`, nameText),
	w("name", `7`, nameText),
	w("name", `""`, nameText),
	w("type", `true`, "a string"),
	w("ipam", `"host-local"`, "an object"),
	w("ipam.type", `5`, "the name of an IPAM plugin"),
	w("ipam.type", `"/bin/sh"`, "without '/'"),
	w("ipam.type", `".."`, "without '/'"),
	w("dns", `[]`, "an object"),
	w("dns.nameservers", `"10.0.0.1"`, "a list of strings"),
	{edit: edit{"dns.nameservers", `["10.0.0.1",5]`}, at: "dns.nameservers[1]", allowed: "a string"},
	{edit: edit{"dns.search", `[null]`}, at: "dns.search[0]", allowed: "a list of strings"},
	w("dns.search", `{}`, "a list of strings"),
	w("dns.options", `1`, "a list of strings"),
	w("dns.domain", `[]`, "a string"),
	w("kubeconfig", `{}`, "a string"),
	w("sharedDir", `"var/run"`, "an absolute path"),
	w("sharedDir", `"/a\u0000b"`, "an absolute path"),
	w("sharedDir", repeated("/a", 2048), "at most 4095 bytes"),
	w("sharedDir", `1`, "an absolute path"),
	w("logFile", `false`, "a string"),
	w("logFile", `"/a\u0000b"`, "without NUL"),
	w("logLevel", `"trace"`, `"panic", "error", "warning", "info", "debug", "verbose"`),
	w("logLevel", `3`, `"verbose"`),
	w("vppApiSocket", `"api.sock"`, "an absolute path"),
	w("vppApiSocket", repeated("/aaa", 27), "at most 107 bytes"),
	w("vppApiSocket", `[]`, "an absolute path"),
	w("runtimeConfig", `[]`, "an object"),
	w("runtimeConfig.CNIDeviceInfoFile", `"/etc/passwd"`, "the path of a file in /var/run/k8s.cni.cncf.io/devinfo/cni"),
	w("runtimeConfig.CNIDeviceInfoFile", `"`+deviceinfo.Dir+`"`, deviceinfo.Allowed),
	w("runtimeConfig.CNIDeviceInfoFile", `"`+deviceinfo.Dir+`/"`, deviceinfo.Allowed),
	w("runtimeConfig.CNIDeviceInfoFile", `"`+deviceinfo.Dir+`/.."`, deviceinfo.Allowed),
	w("runtimeConfig.CNIDeviceInfoFile", `"`+deviceinfo.Dir+`/.hidden"`, deviceinfo.Allowed),
	w("runtimeConfig.CNIDeviceInfoFile", `"`+deviceinfo.Dir+`/../dp/f"`, deviceinfo.Allowed),
	w("runtimeConfig.CNIDeviceInfoFile", `"`+deviceinfo.Dir+`/a/f"`, deviceinfo.Allowed),
	w("runtimeConfig.CNIDeviceInfoFile", `"`+deviceinfo.Dir+`//f"`, deviceinfo.Allowed),
	w("runtimeConfig.CNIDeviceInfoFile", `"`+deviceinfo.Dir+`/a\u0000b"`, deviceinfo.Allowed),
	w("runtimeConfig.CNIDeviceInfoFile", `"`+deviceinfo.Dir+`/a\nb"`, deviceinfo.Allowed),
	w("runtimeConfig.CNIDeviceInfoFile", `"`+deviceinfo.Dir+"/"+strings.Repeat("a", 251)+`"`, deviceinfo.Allowed),
	w("runtimeConfig.CNIDeviceInfoFile", `"var/run/k8s.cni.cncf.io/devinfo/cni/f"`, deviceinfo.Allowed),
	w("runtimeConfig.CNIDeviceInfoFile", `"/run/k8s.cni.cncf.io/devinfo/f"`, deviceinfo.Allowed),
	w("runtimeConfig.CNIDeviceInfoFile", `5`, deviceinfo.Allowed),
	w("args", `"a"`, "an object"),
	w("args.cni", `"a"`, "an object"),
	w("host", `"vpp"`, "an object"),
	w("container", `[]`, "an object"),

	w("host.iftype", `""`, nowMemif),
	w("host.iftype", `null`, nowMemif),
	w("host.netType", `""`, `"bridge"`),
	w("host.netType", `"Bridge"`, `"bridge"`),
	w("container.memif.socketType", `"abstract"`, "left out, or the same"),
	w("container.memif.socketOwner", `"1000"`, "left out"),
	w("container.memif.socketGroup", `"vpp"`, "left out"),
	w("container.memif.socketMode", `"0660"`, "left out"),
	w("container.vhost.socketOwner", `"1000"`, "left out"),
	w("container.vhost.socketMode", `"0660"`, "left out"),
	w("container.memif.role", `"master"`, `"slave"`),
	w("host.memif.mode", `"ip"`, `"ethernet"`),
	w("container.memif.mode", `"ip"`, `left out, or the same`),
	{edit: edit{"container.memif.socketfile", `"a.sock"`}, allowed: "left out", beyondSchema: "compares two fields"},
	{edit: edit{"container.memif.secret", `"zq9"`}, allowed: "left out", beyondSchema: "compares two fields"},
	{edit: edit{"host.bridge", `{}`}, at: "host.bridge.bridgeName", allowed: "a number from 1 to 16777215"},
	{edit: edit{"host.bridge", `null`}, at: "host.bridge.bridgeName", allowed: "a number from 1 to 16777215"},
	w("host.bridge.bridgeId", `0`, "a number from 1 to 16777215"),
	w("host.bridge.bridgeName", `4`, "as a string"),
	w("host.bridge.bridgeName", `"0"`, "a number from 1"),
	w("host.bridge.bridgeName", `"16777216"`, "a number from 1"),
	w("host.bridge.bridgeName", `"99999999999999999999"`, "a number from 1"),
	w("host.bridge.bridgeName", `"-4"`, "a number from 1"),
	w("host.bridge.bridgeName", `"a b"`, "a number from 1"),
	w("host.bridge.bridgeName", repeated("a", 64), "a number from 1"),
	w("host.bridge.bridgeName", `".a"`, "not beginning with '.' or '-'"),
	w("host.bridge.bridgeName", `"blue.100"`, "not ending in a dot and a number"),
	w("host.bridge.bridgeName", `"4.5"`, "which vlanId is for"),
	w("host.bridge.bridgeName", `"+4"`, "a number from 1"),
	w("host.vrf", `1`, "or netType \"interface\""),
	w("container.vrf", `1`, "left out"),
	w("container.rxMode", `"interrupt"`, "left out"),
	w("host.rxMode", `"Interrupt"`, `"polling", "interrupt", "adaptive"`),
	w("host.rxMode", `"default"`, `"polling", "interrupt", "adaptive"`),
	w("container.bridge.uplink", `"eth0"`, "left out"),
	{edit: edit{"container.bridge", `{"uplink":"eth0"}`}, at: "container.bridge.uplink", allowed: "left out"},
	w("host.antiSpoof", `true`, "netType \"interface\""),
	w("container.antiSpoof", `true`, "left out"),
	w("container.vcl.default", `"enable"`, "left out"),
	w("container.vcl.socketName", `"vpp/session"`, "left out"),
	w("container.vcl.socketType", `"abstract"`, "left out"),
	w("container.vcl.socketOwner", `"1000"`, "left out"),
	w("container.vcl.socketGroup", `"vpp"`, "left out"),
	w("container.vcl.socketMode", `"0660"`, "left out"),
	w("container.vcl.cutThrough", `true`, "left out"),
}, wrongsOfVCL, requested("runtimeConfig"), requested("args.cni"), onBothSides(
	w("engine", `"vvp"`, `"vpp"`),
	w("engine", `"VPP"`, `"vpp"`),
	w("engine", `1`, `"vpp"`),
	later("engine", `"ovs"`, `"vpp"`),
	later("engine", `"ovs-dpdk"`, `"vpp"`),
	w("iftype", `"memiff"`, nowMemif),
	w("iftype", `[]`, nowMemif),
	w("antiSpoof", `"yes"`, ""),
	w("antiSpoof", `1`, ""),
	w("antiSpoof", `[]`, ""),
	later("iftype", `"tap"`, nowMemif),
	later("iftype", `"af_packet"`, nowMemif),
	later("iftype", `"veth"`, nowMemif),
	w("netType", `"routed"`, `"bridge", "interface", "none"`),
	w("netType", `0`, `"bridge", "interface", "none"`),
	w("vrf", `-1`, ""),
	w("vrf", `4294967295`, ""),
	w("vrf", `"1"`, ""),
	w("mtu", `"9000"`, mtuRange),
	w("mtu", `63`, mtuRange),
	w("mtu", `9217`, mtuRange),
	w("mtu", `-1500`, mtuRange),
	w("mtu", `1500.5`, mtuRange),
	w("mtu", `1e30`, mtuRange),
	w("mtu", `18446744073709551617`, mtuRange),
	w("mac", `"02:fe:00:00:00"`, macText),
	w("mac", `"01:00:5e:00:00:01"`, macText),
	w("mac", `"00:00:00:00:00:00"`, macText),
	w("mac", `"02:fe:00:00:00:00:00:01"`, macText),
	w("mac", `"02fe0000000g"`, macText),
	w("mac", `2`, macText),
	w("rxMode", `1`, ""),
	w("memif", `"master"`, "an object"),
	w("vhost", `1`, "an object"),
	w("bridge", `"4"`, "an object"),
	w("memif.role", `"mastr"`, `"master"`),
	w("memif.role", `"server"`, `"master"`),
	w("memif.role", `1`, `"master"`),
	w("memif.mode", `"l2"`, `"ethernet"`),
	w("memif.mode", `{}`, `"ethernet"`),
	w("memif.mode", `"inject-punt"`, `"ethernet"`),
	w("memif.socketfile", `"/tmp/a.sock"`, fileText),
	w("memif.socketfile", `"a/b"`, fileText),
	w("memif.socketfile", `"."`, fileText),
	w("memif.socketfile", `".."`, fileText),
	w("memif.socketfile", `"a b"`, fileText),
	w("memif.socketfile", `"a=b"`, fileText),
	w("memif.socketfile", `"a\u0000"`, fileText),
	w("memif.socketfile", `"configData-1.json"`, "not beginning with configData-"),
	w("memif.socketfile", repeated("a", 65), fileText),
	w("memif.socketfile", `5`, fileText),
	w("memif.ringSize", `4`, ringText),
	w("memif.ringSize", `1000`, ringText),
	w("memif.ringSize", `32768`, ringText),
	w("memif.ringSize", `-1024`, ringText),
	w("memif.ringSize", `"1024"`, ringText),
	w("memif.bufferSize", `63`, "from 64 to 65535"),
	w("memif.bufferSize", `65536`, "from 64 to 65535"),
	w("memif.bufferSize", `true`, "from 64 to 65535"),
	w("memif.rxQueues", `256`, queueText),
	w("memif.rxQueues", `-1`, queueText),
	w("memif.txQueues", `256`, queueText),
	w("memif.txQueues", `0.5`, queueText),
	w("memif.secret", `"a\u0000b"`, "at most 23 bytes"),
	w("memif.secret", repeated("x", 24), "at most 23 bytes"),
	w("memif.secret", `123`, "at most 23 bytes"),
	w("memif.noZeroCopy", `"true"`, boolText),
	w("memif.noZeroCopy", `1`, boolText),
	w("memif.useDma", `"yes"`, boolText),
	w("memif.socketType", `"Abstract"`, `"file", "abstract"`),
	w("memif.socketType", `1`, `"file", "abstract"`),
	w("memif.socketOwner", `1000`, ""),
	w("memif.socketOwner", `"4294967295"`, ""),
	w("memif.socketOwner", `"-1"`, ""),
	w("memif.socketOwner", `"a:b"`, ""),
	w("memif.socketOwner", repeated("0", 33), ""),
	w("memif.socketGroup", `true`, ""),
	w("memif.socketGroup", `"a b"`, ""),
	w("memif.socketGroup", repeated("a", 33), ""),
	w("memif.socketMode", `432`, ""),
	w("memif.socketMode", `"0666"`, ""),
	w("memif.socketMode", `"0661"`, ""),
	w("memif.socketMode", `"4770"`, ""),
	w("memif.socketMode", `"0680"`, ""),
	w("memif.socketMode", `"60"`, ""),
	w("memif.socketMode", `"00660"`, ""),
	w("memif.socketMode", `"u=rw"`, ""),
	w("vcl", `"enable"`, "an object"),
	w("vcl", `[]`, "an object"),
	w("vcl.default", `"enabled"`, ""),
	w("vcl.default", `true`, ""),
	w("vcl.cutThrough", `"yes"`, ""),
	w("vcl.cutThrough", `1`, ""),
	w("vcl.socketName", `"@vpp/session"`, ""),
	w("vcl.socketName", `"a,netns_name=b"`, ""),
	w("vcl.socketName", `"a b"`, ""),
	w("vcl.socketName", `"a\u0000"`, ""),
	w("vcl.socketName", repeated("a", 65), ""),
	w("vcl.socketName", `["vpp/session"]`, ""),
	w("vcl.socketType", `"Abstract"`, ""),
	w("vcl.socketType", `1`, ""),
	w("vcl.socketOwner", `1000`, ""),
	w("vcl.socketOwner", `"4294967295"`, ""),
	w("vcl.socketGroup", `"a:b"`, ""),
	w("vcl.socketGroup", repeated("a", 33), ""),
	w("vcl.socketMode", `"0666"`, ""),
	w("vcl.socketMode", `432`, ""),
	w("vcl.scopes", `"local"`, "each at most once"),
	w("vcl.scopes", `{}`, "each at most once"),
	w("vcl.scopes", `["global","global"]`, "each at most once"),
	wrong{edit: edit{"vcl.scopes", `["local","Global"]`}, at: "vcl.scopes[1]", allowed: scopeText},
	wrong{edit: edit{"vcl.scopes", `["local",""]`}, at: "vcl.scopes[1]", allowed: scopeText},
	wrong{edit: edit{"vcl.scopes", `[1]`}, at: "vcl.scopes[0]", allowed: scopeText},
	wrong{edit: edit{"vcl.scopes", `[null]`}, at: "vcl.scopes[0]", allowed: "a list of"},
	w("vcl.rxFifoSize", `4095`, fifoText),
	w("vcl.rxFifoSize", `1073741825`, fifoText),
	w("vcl.rxFifoSize", `"64k"`, fifoText),
	w("vcl.txFifoSize", `-4096`, fifoText),
	w("vcl.txFifoSize", `4096.5`, fifoText),
	w("vcl.unheardOf", `1`, "default, socketName"),
	w("vcl.addresses", `["10.0.0.1"]`, "default, socketName"),
	w("vcl.vppRelease", `"26.06"`, "default, socketName"),
	w("vhost.mode", `"master"`, `"client", "server"`),
	w("vhost.group", `"a:b"`, "a group's name"),
	w("vhost.group", repeated("a", 33), "a group's name"),
	w("vhost.group", `"4294967295"`, "a group's name"),
	w("vhost.group", `1000`, "a group's name"),
	w("vhost.socketOwner", `"a:b"`, ""),
	w("vhost.socketMode", `"0666"`, ""),
	w("vhost.socketfile", `"a/b"`, fileText),
	w("vhost.enableGso", `1`, boolText),
	w("vhost.enablePacked", `"on"`, boolText),
	w("vhost.enableEventIdx", `[]`, boolText),
	w("vhost.ingressPolicingRate", `-1`, "from 1 to 4294967295"),
	w("vhost.ingressPolicingBurst", `"9"`, "from 1 to 4294967295"),
	w("bridge.bridgeId", `16777216`, "a number from 1 to 16777215"),
	w("bridge.bridgeId", `-1`, "a number from 1 to 16777215"),
	w("bridge.bridgeId", `"4"`, "a number from 1 to 16777215"),
	w("bridge.vlanId", `4095`, "a number from 1 to 4094, or 0 for none"),
	w("bridge.vlanId", `-1`, "a number from 1 to 4094, or 0 for none"),
	w("bridge.vlanId", `"1"`, "a number from 1 to 4094, or 0 for none"),
	w("bridge.uplink", `"eth 0"`, ""),
	w("bridge.uplink", `"eth\u00e9"`, ""),
	w("bridge.uplink", repeated("a", 64), ""),
	w("bridge.uplink", `1`, ""),
	w("bridge.trunks", `5`, "a list of numbers"),
	wrong{edit: edit{"bridge.trunks", `[1,4096]`}, at: "bridge.trunks[1]", allowed: "from 0 to 4095"},
	w("bridge.vlanMode", `"acess"`, `"access", "trunk"`),
	w("bridge.vlanMode", `1`, `"dot1q-tunnel"`),
	w("bridge.bridgeName", `false`, "a number from 1"),
	w("unheardOf", `1`, "engine, iftype"),
	w("memif.unheardOf", `1`, "role, mode"),
	w("vhost.unheardOf", `1`, "mode, group"),
	w("bridge.unheardOf", `1`, "bridgeName, bridgeId"),
))

// requested has what a pod may ask for wrong, in one of the two places.
func requested(block string) []wrong {
	ip := func(value string) wrong {
		return wrong{edit: edit{block + ".ips", `[` + value + `]`}, at: block + ".ips[0]", allowed: "a unicast IPv4 or IPv6 address"}
	}
	nul := ip(`null`)
	nul.allowed = "a list of strings"
	return []wrong{
		w(block+".mac", `1`, macText),
		w(block+".mac", `"01:00:5e:00:00:01"`, macText),
		w(block+".ips", `"10.0.0.1"`, "a list of strings"),
		nul, ip(`5`), ip(`"10.0.0"`), ip(`"10.0.0.1/33"`), ip(`"0.0.0.0/24"`), ip(`"224.0.0.1"`), ip(`"::"`),
		ip(`"ff02::1"`), ip(`"fe80::1%eth0"`), ip(`"::ffff:10.0.0.1"`), ip(`"10.0.0.1, 10.0.0.2"`), ip(`"010.0.0.1"`),
	}
}

// ofVCL is a value that is wrong in a network of VCL endpoints, whatever it is in
// others.
func ofVCL(path, value, allowed string) wrong {
	return wrong{edit: edit{path, value}, base: sockets, allowed: allowed}
}

var wrongsOfVCL = []wrong{
	ofVCL("host.netType", `"bridge"`, `"interface"`),
	ofVCL("host.netType", `"none"`, `"interface"`),
	ofVCL("container.netType", `"none"`, `left out, or "interface"`),
	ofVCL("container.netType", `"bridge"`, `left out, or "interface"`),
	ofVCL("container.iftype", `"memif"`, "left out, or the same"),
	ofVCL("host.rxMode", `"polling"`, "left out"),
	ofVCL("host.vcl.socketOwner", `"1000"`, `socketType "file"`),
	ofVCL("host.vcl.socketGroup", `"vpp"`, `socketType "file"`),
	ofVCL("host.vcl.socketMode", `"0660"`, `socketType "file"`),
	ofVCL("host.vcl.socketName", `"a@b"`, vclText),
	ofVCL("host.vcl.scopes", `["local","local"]`, "each at most once"),
	ofVCL("container.vcl.scopes", `["local","global","local"]`, "each at most once"),
	{edit: edit{"host.vcl", `{"socketType":"abstract","socketMode":"660"}`}, base: sockets, at: "host.vcl.socketMode", allowed: `socketType "file"`},
	{edit: edit{"host.vcl", `{"socketType":"file","socketName":"vpp/session"}`}, base: sockets, at: "host.vcl.socketName", allowed: fileText},
	{edit: edit{"host.vcl", `{"socketType":"file","socketName":".."}`}, base: sockets, at: "host.vcl.socketName", allowed: fileText},
	{edit: edit{"host.vcl", `{"socketType":"file","socketName":"configData-1.json"}`}, base: sockets, at: "host.vcl.socketName", allowed: "not beginning with configData-"},
	needsAddress("ipam", `null`),
	needsAddress("ipam", `{}`),
	needsAddress("ipam", `{"subnet":"10.0.0.0/24"}`),
	needsAddress("ipam", `{"type":""}`),
	withoutIPAM("runtimeConfig", `{"ips":["10.0.0.1"]}`),
	withoutIPAM("runtimeConfig", `{"ips":["","fd00::1"]}`),
	withoutIPAM("runtimeConfig", `{"ips":[]}`),
	withoutIPAM("args", `{"cni":{"ips":["10.0.0.1"]}}`),
	// The first place that has addresses counts.
	{edit: edit{"args", `{"cni":{"ips":["10.0.0.2/24"]}}`}, base: withIPs(noIPAM, `["10.0.0.1"]`), at: "ipam.type", allowed: addressText},
	{edit: edit{"container.iftype", `"vcl"`}, allowed: "left out, or the same"},
	{edit: edit{"host.iftype", `"vcl"`}, base: routed, at: "ipam.type", allowed: addressText},
	{edit: edit{"container.antiSpoof", `true`}, base: routed, allowed: "left out"},
}

const (
	addressText = "addresses with a prefix length"
	noIPAM      = `{"cniVersion": "1.1.0", "name": "net-1", "host": {"iftype": "vcl", "netType": "interface"}}`
)

func needsAddress(path, value string) wrong {
	return wrong{edit: edit{path, value}, base: sockets, at: "ipam.type", allowed: addressText}
}

func withoutIPAM(path, value string) wrong {
	return wrong{edit: edit{path, value}, base: noIPAM, at: "ipam.type", allowed: addressText}
}

// withIPs is a configuration with what the runtime asks for.
func withIPs(base, ips string) string { return string(edit{"runtimeConfig.ips", ips}.in(base)) }

func onBothSides(list ...wrong) (both []wrong) {
	for _, side := range []string{"host", "container"} {
		for _, x := range list {
			x.path = side + "." + x.path
			if x.at != "" {
				x.at = side + "." + x.at
			}
			if side == "container" && strings.HasSuffix(x.path, "memif.role") {
				x.allowed = `"slave"`
			}
			both = append(both, x)
		}
	}
	return both
}

// rights are the ends of the ranges.
var rights = []edit{
	{"name", `"0"`},
	{"name", `"A_.-9"`},
	{"ipam.type", `"host-local"`},
	{"sharedDir", `"/"`},
	{"logLevel", `"DEBUG"`},
	{"vppApiSocket", repeated("/", 107)},
	{"type", `""`},
	{"anything", `[1]`},
	{"runtimeConfig", `null`},
	{"runtimeConfig", `{"mac":"","ips":null,"CNIDeviceInfoFile":"","portMappings":[]}`},
	{"runtimeConfig.CNIDeviceInfoFile", `null`},
	{"runtimeConfig.CNIDeviceInfoFile", `"` + deviceinfo.Dir + `/default-net-1-4f0c_net1"`},
	{"runtimeConfig.CNIDeviceInfoFile", `"/run/k8s.cni.cncf.io/devinfo/cni/` + strings.Repeat("a", 250) + `"`},
	{"args", `{"cni":{"CNIDeviceInfoFile":"/f"}}`},
	{"runtimeConfig.ips", `["10.0.0.1","10.0.0.1/32","fd00::1","fe80::1/64"]`},
	{"runtimeConfig.ips", `["","10.0.0.1/8"]`},
	{"runtimeConfig.mac", `"02FE00000001"`},
	{"runtimeConfig.mac", `null`},
	{"ipam.type", `null`},
	{"host.mac", `null`},
	{"host.memif.socketfile", `null`},
	{"host.memif.socketOwner", `null`},
	{"host.memif.socketMode", `""`},
	{"host.bridge.uplink", `null`},
	{"args.cni", `{"ips":[],"labels":{"a":"b"}}`},
	{"args.other", `1`},
	{"host.engine", `"vpp"`},
	{"host.mtu", `64`},
	{"host.mtu", `9216`},
	{"host.mtu", `1.5e3`},
	{"host.mtu", `0`},
	{"host.mac", `"02-FE-00-00-00-01"`},
	{"container.mac", `"02fe.0000.0001"`},
	{"host.mac", `"00:00:00:00:00:01"`},
	{"host.mac", `"02FE00000001"`},
	{"host.memif.ringSize", `8`},
	{"host.memif.ringSize", `16384`},
	{"host.memif.ringSize", `null`},
	{"host.memif.bufferSize", `64`},
	{"host.memif.bufferSize", `65535`},
	{"container.memif.rxQueues", `255`},
	{"container.memif.txQueues", `1`},
	{"host.memif.secret", repeated("x", 23)},
	{"host.memif.secret", `"a b=\\\""`},
	{"host.memif.socketfile", repeated("a", 64)},
	{"host.memif.socketfile", `".a-_"`},
	{"host.memif.role", `"slave"`},
	{"host.antiSpoof", `false`},
	{"host.vcl.cutThrough", `true`},
	{"host.vcl.cutThrough", `false`},
	{"container.vcl.cutThrough", `null`},
	{"host.antiSpoof", `null`},
	{"container.antiSpoof", `false`},
	{"host.vcl", `{}`},
	{"host.vcl", `null`},
	{"host.vcl.socketName", `"vpp/session"`},
	{"host.vcl.socketOwner", `"1000"`},
	{"host.vcl.scopes", `["global"]`},
	{"container.vcl.rxFifoSize", `4096`},
	{"container.vcl.socketName", `""`},
	{"host.memif.socketType", `"file"`},
	{"host.memif.socketType", `"abstract"`},
	{"host.memif.socketOwner", `"0"`},
	{"host.memif.socketOwner", `"4294967294"`},
	{"host.memif.socketOwner", repeated("0", 32)},
	{"host.memif.socketOwner", repeated("a", 32)},
	{"host.memif.socketGroup", `"_a.b-c"`},
	{"host.memif.socketMode", `"660"`},
	{"host.memif.socketMode", `"0770"`},
	{"host.memif.socketMode", `"000"`},
	{"container.memif.socketType", `"file"`},
	{"host.bridge", `{"bridgeName":"1"}`},
	{"host.bridge", `{"bridgeName":"0016777215"}`},
	{"host.bridge", `{"bridgeName":"9","bridgeId":0}`},
	{"host.bridge", `{"bridgeName":"br-4"}`},
	{"host.bridge", `{"bridgeName":"4a"}`},
	{"host.bridge", `{"bridgeName":"_A.b-"}`},
	{"host.bridge", `{"bridgeName":"4.a"}`},
	{"host.bridge", `{"bridgeName":"` + strings.Repeat("a", 63) + `"}`},
	{"host.bridge.bridgeId", `16777215`},
	{"host.bridge.vlanId", `1`},
	{"host.bridge.vlanId", `4094`},
	{"host.bridge.vlanId", `0`},
	{"host.bridge.uplink", `"GigabitEthernet0/8/0.100"`},
	{"host.bridge.uplink", repeated("~", 63)},
	{"host.vrf", `0`},
	{"host.rxMode", `"polling"`},
	{"host.rxMode", `"interrupt"`},
	{"host.rxMode", `"adaptive"`},
	{"host.rxMode", `""`},
	{"container.rxMode", `""`},
	{"host.netType", `"none"`},
	{"host.netType", `"interface"`},
	{"container.netType", `"bridge"`},
	{"host.bridge.trunks", `[0,4095]`},
	{"host.vhost.group", `"_a"`},
	{"container.bridge", `{"bridgeName":"br-0","vlanId":5}`},
	{"container.netType", `"none"`},
	{"container.memif", `{}`},
	{"container", `null`},
	{"dns", `{"other":1}`},
}

// rightsOfVCL are those in a network of VCL endpoints.
var rightsOfVCL = []edit{
	{"host.vcl", `{}`},
	{"host.vcl", `null`},
	{"host.vcl.default", `"enable"`},
	{"host.vcl.default", `"disable"`},
	{"host.vcl.default", `null`},
	{"host.vcl.socketName", `"vpp/session"`},
	{"host.vcl.socketName", `".."`},
	{"host.vcl.socketName", repeated("/", 64)},
	{"host.vcl.socketName", `""`},
	{"host.vcl.socketType", `"abstract"`},
	{"host.vcl.socketType", `""`},
	{"host.vcl.socketOwner", `""`},
	{"host.vcl", `{"socketType":"file"}`},
	{"host.vcl", `{"socketType":"file","socketName":"a.sock","socketOwner":"0","socketGroup":"vpp","socketMode":"660"}`},
	{"host.vcl.scopes", `[]`},
	{"host.vcl.scopes", `null`},
	{"host.vcl.scopes", `["global","local"]`},
	{"host.vcl.scopes", `["local"]`},
	{"host.vcl.rxFifoSize", `4096`},
	{"host.vcl.txFifoSize", `1073741824`},
	{"host.vcl.txFifoSize", `0`},
	{"host.vcl.rxFifoSize", `5000`},
	{"container.vcl", `{"scopes":["global"],"rxFifoSize":1e6,"txFifoSize":null}`},
	{"container.vcl", `{"default":"","socketName":null,"socketType":"","socketOwner":"","socketGroup":"","socketMode":""}`},
	{"container", `null`},
	{"container.netType", `"interface"`},
	{"container.iftype", `"vcl"`},
	{"host.antiSpoof", `true`},
	{"host.rxMode", `""`},
	{"host.vrf", `7`},
	{"host.mtu", `1500`},
	{"host.mac", `"02:fe:00:00:00:01"`},
	{"host.memif", `{"role":"master","socketfile":"a.sock"}`},
	{"host.vhost", `{"mode":"client","socketfile":"a.sock"}`},
	{"container.memif", `{"role":"slave"}`},
	{"host.bridge", `{"bridgeName":"4"}`},
	{"ipam", `{"type":"static","other":1}`},
	{"runtimeConfig.ips", `["10.0.0.1"]`},
}

// rightsWithoutIPAM are those that the pod asks for.
var rightsWithoutIPAM = []edit{
	{"runtimeConfig", `{"ips":["10.0.0.1/24"]}`},
	{"runtimeConfig", `{"ips":["","10.0.0.2","fd00::1/64"]}`},
	{"args", `{"cni":{"ips":["fd00::1/64"]}}`},
}

// rightDocuments are all that is right.
func rightDocuments() map[string][]byte {
	all := map[string][]byte{}
	for base, list := range map[string][]edit{
		plain: rights, sockets: rightsOfVCL, noIPAM: rightsWithoutIPAM, routed: {{"host.antiSpoof", `true`}, {"host.vrf", `4294967294`}},
		withIPs(noIPAM, `[""]`): {{"args.cni.ips", `["10.0.0.2/24"]`}},
	} {
		for _, e := range list {
			all[e.path+"="+e.value+" in "+base] = e.in(base)
		}
	}
	return all
}

func TestEveryFieldWrong(t *testing.T) {
	for _, x := range wrongs {
		t.Run(x.path+"="+fields.Shown("", json.RawMessage(x.value)), func(t *testing.T) {
			_, err := Parse(x.document())
			if err == nil {
				t.Fatal("accepted")
			}
			e := faultAt(t, err, x.field())
			checkWording(t, e, x)
		})
	}
}

// field is the path that the message has to name.
func (x wrong) field() string {
	if x.at != "" {
		return x.at
	}
	return x.path
}

func checkWording(t *testing.T, e *Error, x wrong) {
	t.Helper()
	says := e.Error()
	if !strings.HasPrefix(says, x.field()+": ") {
		t.Errorf("%q doesn't begin with the field %s", says, x.field())
	}
	if v := x.mustShow(); !strings.Contains(says, v) {
		t.Errorf("%q doesn't show %s", says, v)
	}
	if !strings.Contains(e.Allowed, x.allowed) {
		t.Errorf("%q doesn't say that allowed is %s", says, x.allowed)
	}
	if errors.Is(e, ErrUnsupported) != x.unsupported || strings.Contains(e.Problem, "not supported yet") != x.unsupported {
		t.Errorf("%q: unsupported should be %t", says, x.unsupported)
	}
	if strings.Contains(x.path, "secret") && strings.Contains(says, strings.Trim(x.value, `"`)) {
		t.Errorf("%q shows a secret", says)
	}
	for _, word := range []string{"Go ", "json:", "uint", "float64", "struct"} {
		if strings.Contains(says, word) {
			t.Errorf("%q speaks Go: %q", says, word)
		}
	}
}

// mustShow is the value, where the message can show it as a whole.
func (x wrong) mustShow() string {
	leaf := x.path[strings.LastIndex(x.path, ".")+1:]
	switch {
	case leaf == "secret":
		return "(hidden)"
	case x.at != "", leaf == "unheardOf", leaf == "addresses", leaf == "vppRelease", len(x.value) > 60, x.value == `""`, x.value == "null":
		return ""
	}
	return x.value
}

func faultAt(t *testing.T, err error, field string) *Error {
	t.Helper()
	var all Errors
	if !errors.As(err, &all) {
		t.Fatalf("%T is not an Errors", err)
	}
	i := slices.IndexFunc(all, func(e *Error) bool { return e.Field == field })
	if i < 0 {
		t.Fatalf("no fault at %s in: %v", field, err)
	}
	if len(all) != 1 {
		t.Errorf("more faults than the one: %v", err)
	}
	return all[i]
}

func TestEndsOfRanges(t *testing.T) {
	for name, document := range rightDocuments() {
		if _, err := Parse(document); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestEveryFieldIsInATable keeps three lists together: the JSON tags, the
// tables that read them, and the faults above.
func TestEveryFieldIsInATable(t *testing.T) {
	for _, c := range []struct {
		block  string
		of     any
		fields []string
	}{
		{"", Side{}, sideFields.Names()},
		{"memif.", Memif{}, memifFields.Names()},
		{"vhost.", Vhost{}, vhostFields.Names()},
		{"vcl.", VCL{}, append(vclFields.Names(), "addresses", "vppRelease")}, // which only a contract has
		{"bridge.", Bridge{}, bridgeFields.Names()},
	} {
		if got, want := sorted(c.fields), sorted(tags(c.of)); got != want {
			t.Errorf("%T: the table has %s, the tags are %s", c.of, got, want)
		}
		for _, f := range c.fields {
			mustBeWrong(t, "host."+c.block+f)
			mustBeWrong(t, "container."+c.block+f)
		}
	}
	for _, f := range topFields.Names() {
		mustBeWrong(t, f)
	}
	for _, f := range runtimeFields.Names() {
		mustBeWrong(t, "runtimeConfig."+f)
	}
	for _, f := range requestFields.Names() {
		mustBeWrong(t, "args.cni."+f)
	}
}

func mustBeWrong(t *testing.T, path string) {
	t.Helper()
	if !slices.ContainsFunc(wrongs, func(x wrong) bool { return x.path == path }) {
		t.Errorf("%s is never wrong in the table", path)
	}
}

func tags(v any) (names []string) {
	for f := range reflect.TypeOf(v).Fields() {
		name, option, _ := strings.Cut(f.Tag.Get("json"), ",")
		if option != "omitempty" {
			name += " without omitempty"
		}
		names = append(names, name)
	}
	return names
}

func sorted(names []string) string {
	return strings.Join(slices.Sorted(slices.Values(names)), " ")
}
