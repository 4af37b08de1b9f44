package vppsim

import (
	"fmt"
	"strings"

	"go.fd.io/govpp/api"
	"go.fd.io/govpp/binapi/interface_types"
	"go.fd.io/govpp/binapi/ip_types"
	"go.fd.io/govpp/binapi/urpf"
)

// Unicast reverse path forwarding: src/plugins/urpf. It is remembered and shown; no
// packet is checked.

// urpfKey is an interface's index, a family, and a direction.
type urpfKey struct {
	index  uint32
	v6     bool
	output bool
}

// urpfConfig is what the plugin remembers of an index, even when the interface has
// gone and another one has its index. That one has no check, and to ask for what the
// plugin believes to be there already has no effect: off first, then strict.
type urpfConfig struct {
	mode   urpf.UrpfMode
	table  uint32
	custom bool // the table was given, and stays
}

// urpfUpdate always gives a table: the 0 that it passes on is one.
func (s *Sim) urpfUpdate(r *urpf.UrpfUpdate, _ *urpf.UrpfUpdateReply) error {
	return s.setURPF(urpf.UrpfUpdateV2{IsInput: r.IsInput, Mode: r.Mode, Af: r.Af, SwIfIndex: r.SwIfIndex})
}

func (s *Sim) urpfUpdateV2(r *urpf.UrpfUpdateV2, _ *urpf.UrpfUpdateV2Reply) error {
	return s.setURPF(*r)
}

func (s *Sim) setURPF(r urpf.UrpfUpdateV2) error {
	i, err := s.byIndex(r.SwIfIndex)
	v6, table := r.Af == ip_types.ADDRESS_IP6, r.TableID
	switch {
	case err != nil:
		return err
	case r.Mode > urpf.URPF_API_MODE_STRICT:
		return api.INVALID_VALUE
	case r.Af > ip_types.ADDRESS_IP6:
		return api.INVALID_ADDRESS_FAMILY
	case table == noIndex:
		table = i.fib(v6).id
	case s.fibs[fibKey{table, v6}] == nil:
		return api.INVALID_VALUE
	}
	k := urpfKey{i.index, v6, !r.IsInput}
	before, after := s.urpf[k], urpfConfig{r.Mode, table, r.TableID != noIndex}
	s.urpf[k] = after
	if before.mode != after.mode || before.table != after.table {
		i.urpf[family(v6)][direction(k.output)] = after.mode
	}
	return nil
}

func direction(output bool) int {
	if output {
		return 1
	}
	return 0
}

// rebindURPF is urpf_table_bind_v4 and _v6.
func (s *Sim) rebindURPF(i *iface, v6 bool, table uint32) {
	for _, output := range []bool{false, true} {
		k := urpfKey{i.index, v6, output}
		if c := s.urpf[k]; !c.custom {
			c.table = table
			s.urpf[k] = c
		}
	}
}

func (s *Sim) urpfDump(r *urpf.UrpfInterfaceDump, send func(*urpf.UrpfInterfaceDetails)) {
	for i := range s.interfaces.all() {
		if uint32(r.SwIfIndex) != noIndex && uint32(r.SwIfIndex) != i.index {
			continue
		}
		for af := range i.urpf {
			for dir := range i.urpf[af] {
				c := s.urpf[urpfKey{i.index, af == family(true), dir == direction(true)}]
				if c.mode != urpf.URPF_API_MODE_OFF || c.custom {
					send(&urpf.UrpfInterfaceDetails{
						SwIfIndex: interface_types.InterfaceIndex(i.index), IsInput: dir == direction(false),
						Mode: c.mode, Af: ip_types.AddressFamily(af), TableID: c.table,
					})
				}
			}
		}
	}
}

// showFeatures is show_interface_features_command_fn in src/vnet/feature/feature.c,
// with what urpf has put on the interface and nothing else.
func (i *iface) showFeatures() string {
	lines := fmt.Sprintf("Feature paths configured on %s...\n", i.name)
	arcs := [2][2]string{{"ip4-unicast", "ip4-output"}, {"ip6-unicast", "ip6-output"}}
	for af, directions := range i.urpf {
		for dir, mode := range directions {
			lines += fmt.Sprintf("\n%s:\n", arcs[af][dir])
			if mode == urpf.URPF_API_MODE_OFF {
				lines += "  none configured\n"
				continue
			}
			lines += fmt.Sprintf("  %s-%s-urpf-%s\n", []string{"ip4", "ip6"}[af], []string{"rx", "tx"}[dir],
				strings.ToLower(strings.TrimPrefix(mode.String(), "URPF_API_MODE_")))
		}
	}
	return lines
}
