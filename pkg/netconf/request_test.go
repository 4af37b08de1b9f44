package netconf

import (
	"errors"
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// TestPrecedence: runtimeConfig before args.cni before CNI_ARGS before the
// network's own.
func TestPrecedence(t *testing.T) {
	const (
		runtime = `"runtimeConfig":{"mac":"02:00:00:00:00:01","ips":["10.0.0.1/24"]}`
		cni     = `"args":{"cni":{"mac":"02:00:00:00:00:02","ips":["10.0.0.2/24","fd00::2/64"]}}`
		network = `"container":{"mac":"02:00:00:00:00:04"}`
		env     = "MAC=02:00:00:00:00:03;IP=10.0.0.3"
	)
	for _, c := range []struct {
		stdin     []string
		env       string
		mac       string
		requested string
		ips       string
		netType   string
	}{
		{[]string{runtime, cni, network}, env, "02:00:00:00:00:01", "02:00:00:00:00:01", "10.0.0.1/24", "interface"},
		{[]string{cni, network}, env, "02:00:00:00:00:02", "02:00:00:00:00:02", "10.0.0.2/24 fd00::2/64", "interface"},
		{[]string{network}, env, "02:00:00:00:00:03", "02:00:00:00:00:03", "10.0.0.3", "none"},
		{[]string{network}, "", "02:00:00:00:00:04", "", "", "none"},
		{nil, env + "/24", "02:00:00:00:00:03", "02:00:00:00:00:03", "10.0.0.3/24", "interface"},
		{nil, "", "", "", "", "none"},
	} {
		args, err := ParseArgs(c.env)
		if err != nil {
			t.Fatal(err)
		}
		stdin := strings.TrimSuffix(plain, "}")
		for _, more := range c.stdin {
			stdin += "," + more
		}
		conf, err := ParseFor([]byte(stdin+"}"), args)
		if err != nil {
			t.Fatal(err)
		}
		if conf.Container.MAC != c.mac || conf.RequestedMAC != c.requested || conf.Host.MAC != "" {
			t.Errorf("%v, %s: mac %q (requested %q), want %q", c.stdin, c.env, conf.Container.MAC, conf.RequestedMAC, c.mac)
		}
		if got := strings.Join(spelt(conf.RequestedIPs), " "); got != c.ips || conf.Container.NetType != c.netType {
			t.Errorf("%v, %s: ips %q, netType %s, want %q, %s", c.stdin, c.env, got, conf.Container.NetType, c.ips, c.netType)
		}
	}
}

func TestParseArgs(t *testing.T) {
	for in, want := range map[string]Args{
		"":                       {},
		";;":                     {},
		"IgnoreUnknown=1;":       {},
		"MAC=;IP=;A=;":           {Warnings: []string{`unknown keys in CNI_ARGS are ignored: "A"`}},
		"A=1=2;b=;A=3":           {Warnings: []string{`unknown keys in CNI_ARGS are ignored: "A", "b", "A"`}},
		"A=1;IgnoreUnknown=True": {},
		"IgnoreUnknown=0;A=1":    {Warnings: []string{`unknown keys in CNI_ARGS are ignored: "A"`}},
		"MAC=02-FE-00-00-00-01;MAC=02fe.0000.0002": {RequestedMAC: "02:fe:00:00:00:02"},
		"IP=10.0.0.1/24,fd00::1,10.0.0.2": {RequestedIPs: []netip.Prefix{
			netip.MustParsePrefix("10.0.0.1/24"),
			netip.PrefixFrom(netip.MustParseAddr("fd00::1"), -1),
			netip.PrefixFrom(netip.MustParseAddr("10.0.0.2"), -1),
		}},
		"IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=web-0.a;K8S_POD_INFRA_CONTAINER_ID=0958c8871b32;K8S_POD_UID=1f2e-3d;X=y": {
			PodName: "web-0.a", PodNamespace: "default", PodUID: "1f2e-3d", InfraContainerID: "0958c8871b32",
		},
	} {
		got, err := ParseArgs(in)
		if err != nil {
			t.Errorf("%s: %v", in, err)
		}
		if diff := cmp.Diff(want, got, cmpopts.EquateComparable(netip.Prefix{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", in, diff)
		}
	}
}

// TestParseArgsRefuses: each wrong pair is named, and the others are read.
func TestParseArgsRefuses(t *testing.T) {
	for in, want := range map[string]string{
		"MAC":                          `CNI_ARGS: "MAC" is not a pair`,
		"=1":                           `CNI_ARGS: "=1" is not a pair`,
		" ":                            `CNI_ARGS: " " is not a pair`,
		"MAC=1":                        `CNI_ARGS MAC: "1" is not allowed; allowed: a unicast address`,
		"IP=10.0.0.1,":                 ``,
		"IP=10.0.0.1,x":                `CNI_ARGS IP: "x" is not allowed`,
		"IP=10.0.0.1 10.0.0.2":         `CNI_ARGS IP: "10.0.0.1 10.0.0.2" is not allowed`,
		"IgnoreUnknown=maybe":          `CNI_ARGS IgnoreUnknown: "maybe" is not allowed; allowed: 1, true, 0, false`,
		"K8S_POD_NAME=../secrets":      `CNI_ARGS K8S_POD_NAME: "../secrets" is not allowed`,
		"K8S_POD_NAMESPACE=a/b":        `CNI_ARGS K8S_POD_NAMESPACE: "a/b" is not allowed`,
		"K8S_POD_UID=a?b":              `CNI_ARGS K8S_POD_UID: "a?b" is not allowed`,
		"K8S_POD_INFRA_CONTAINER_ID=-": `CNI_ARGS K8S_POD_INFRA_CONTAINER_ID: "-" is not allowed`,
		"MAC=1;IP=x;y":                 "3 faults in the environment:",
	} {
		args, err := ParseArgs(in + ";IgnoreUnknown=1;K8S_POD_UID=u")
		if want == "" {
			if err != nil {
				t.Errorf("%s: %v", in, err)
			}
			continue
		}
		var faults Errors
		if !errors.As(err, &faults) || !errors.Is(err, ErrEnvironment) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", in, err, want)
		}
		if args.PodUID != "u" {
			t.Errorf("%s: what is right isn't read: %+v", in, args)
		}
	}
	_, err := ParseArgs("MAC=" + strings.Repeat("\n", 5000))
	if s := err.Error(); len(s) > 300 || strings.Contains(s, "\n") {
		t.Errorf("%d bytes: %s", len(s), s)
	}
}

func FuzzParseArgs(f *testing.F) {
	for _, seed := range []string{"", "MAC=02:00:00:00:00:01;IP=10.0.0.1/24,fd00::1;IgnoreUnknown=1;K8S_POD_NAME=a", "A;B=;=C"} {
		f.Add(seed)
	}
	stdin, err := os.ReadFile("testdata/valid/shortest.json")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, in string) {
		args, err := ParseArgs(in)
		mustBeFaults(t, err)
		if err != nil && !errors.Is(err, ErrEnvironment) {
			t.Errorf("not a fault of the environment: %v", err)
		}
		for _, word := range []string{args.PodName, args.PodNamespace, args.PodUID, args.InfraContainerID} {
			if strings.ContainsAny(word, "/\x00\n") || word == ".." {
				t.Errorf("%q leads out of a path", word)
			}
		}
		if i := strings.IndexFunc(strings.Join(args.Warnings, ""), unprintable); i >= 0 {
			t.Errorf("unprintable: %q", args.Warnings)
		}
		conf, err := ParseFor(stdin, args)
		if err != nil {
			t.Fatalf("what ParseArgs lets through spoils a configuration: %v", err)
		}
		for _, ip := range conf.StaticAddresses() {
			if !ip.IsValid() {
				t.Errorf("%s gives the address %s", in, ip)
			}
		}
	})
}
