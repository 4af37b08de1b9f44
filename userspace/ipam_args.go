package userspace

import (
	"encoding/json"
	"slices"
	"strings"
)

// argsVariable is the environment variable that holds CNI_ARGS.
const argsVariable = "CNI_ARGS="

// ipamEnviron is the environment of a call without the pair IP= of CNI_ARGS where
// that has several addresses and the configuration has addresses, too: Multus writes
// what a pod asks for into both, and host-local takes a list there for an error
// (IPAMEnvArgs in plugins/ipam/host-local/backend/allocator/config.go).
func ipamEnviron(environ []string, stdin []byte) []string {
	var conf struct {
		RuntimeConfig struct {
			IPs []string `json:"ips"`
		} `json:"runtimeConfig"`
	}
	if err := json.Unmarshal(stdin, &conf); err != nil || len(conf.RuntimeConfig.IPs) == 0 {
		return environ
	}
	environ = slices.Clone(environ)
	for i, variable := range environ {
		if args, ok := strings.CutPrefix(variable, argsVariable); ok {
			pairs := slices.DeleteFunc(strings.Split(args, ";"), severalIPs)
			environ[i] = argsVariable + strings.Join(pairs, ";")
		}
	}
	return environ
}

func severalIPs(pair string) bool {
	ips, ok := strings.CutPrefix(pair, "IP=")
	return ok && strings.Contains(ips, ",")
}
