package vpp

import (
	"context"
	"fmt"
	"strings"

	interfaces "go.fd.io/govpp/binapi/interface"
	"go.fd.io/govpp/binapi/ip"
)

// TagPrefix begins the tag of every interface that is ours; an attachment's key
// follows, or what a gateway's has.
const TagPrefix = "userspace-cni:"

// TableName marks tables that we made: VPP keeps the name that the first
// creator gave.
const TableName = "userspace-cni"

// gatewayPrefix begins the tags of all gateways, GatewayPrefix those of one table.
const gatewayPrefix = TagPrefix + "gw:"

// GatewayPrefix begins the tags of the gateways of ours in a table.
func GatewayPrefix(table uint32) string { return fmt.Sprintf("%s%d:", gatewayPrefix, table) }

// Table is a routed network's own, in both families. It is made with the first who
// needs it and goes with the last. Table 0 is always there.
type Table struct {
	ID uint32 `json:"id"`
}

var (
	_ Part   = Table{}
	_ Shared = Table{}
)

// TableState is an observed Table.
type TableState struct {
	Table
	// Names are those of the table, by family ("v4", "v6").
	Names map[string]string `json:"names,omitempty"`
	// Users are the interfaces of others of ours that are in it.
	Users []string `json:"users,omitempty"`
}

// Look implements Shared.
func (t Table) Look(ctx context.Context, s *Session) (Observation, error) {
	return t.Observe(ctx, s, nil, Existence)
}

// Observe implements Part.
func (t Table) Observe(ctx context.Context, s *Session, iface *Interface, goal Goal) (Observation, error) {
	return t.observe(ctx, s, goal, func(other Interface) bool { return iface == nil || other.Index != iface.Index })
}

// observe counts as users only those who are others.
func (t Table) observe(ctx context.Context, s *Session, goal Goal, isOther func(Interface) bool) (TableState, error) {
	state := TableState{Table: t}
	if t.ID == 0 {
		return state, nil
	}
	var err error
	if state.Names, err = s.tables(ctx, t.ID); err != nil || goal == Existence {
		return state, err
	}
	state.Users, err = t.users(ctx, s, isOther)
	return state, err
}

// users are the gateways in the table, by their tags; or else the first of the
// loopbacks that hold a pod's addresses and are in it. Other endpoints borrow from a
// gateway.
func (t Table) users(ctx context.Context, s *Session, isOther func(Interface) bool) ([]string, error) {
	all, err := s.Interfaces(ctx)
	var gateways, hosts []Interface
	for _, iface := range all {
		switch {
		case !isOther(iface) || !strings.HasPrefix(iface.Tag, TagPrefix):
		case strings.HasPrefix(iface.Tag, GatewayPrefix(t.ID)):
			gateways = append(gateways, iface)
		case strings.HasPrefix(iface.Name, "loop") && !strings.HasPrefix(iface.Tag, gatewayPrefix):
			hosts = append(hosts, iface)
		}
	}
	if len(gateways) > 0 {
		return namesOf(gateways), err
	}
	for _, iface := range hosts {
		table, err := s.tableOf(ctx, iface.Index, false)
		if err != nil {
			return nil, fmt.Errorf("table of %s: %w", iface.Name, err)
		}
		if table == t.ID {
			return []string{iface.Name}, nil
		}
	}
	return nil, err
}

func namesOf(all []Interface) []string {
	var names []string
	for _, iface := range all {
		names = append(names, iface.Name)
	}
	return names
}

// Nothing implements Part.
func (t Table) Nothing() Observation { return TableState{Table: t} }

// Plan implements Observation.
func (o TableState) Plan(goal Goal) Plan {
	var plan Plan
	for _, family := range families {
		name, exists := o.Names[family]
		switch {
		case o.ID == 0:
		case goal == Existence && !exists:
			plan = append(plan, changeTable{o.ID, family, TableName, true})
		case goal == Absence && name == TableName && len(o.Users) == 0:
			plan = append(plan, changeTable{o.ID, family, TableName, false})
		}
	}
	return plan
}

// families are the keys of TableState.Names.
var families = []string{"v4", "v6"}

// tables returns the names of a table, by family; a family without it is
// missing.
func (s *Session) tables(ctx context.Context, id uint32) (map[string]string, error) {
	all, err := s.allTables(ctx)
	return all[id], err
}

func (s *Session) allTables(ctx context.Context) (map[uint32]map[string]string, error) {
	return Once(ctx, s, "tables", func(ctx context.Context, s *Session) (map[uint32]map[string]string, error) {
		return s.dumpTables(ctx)
	})
}

func (s *Session) dumpTables(ctx context.Context) (map[uint32]map[string]string, error) {
	dump, err := ip.NewServiceClient(s.conn).IPTableDump(ctx, &ip.IPTableDump{})
	if err != nil {
		return nil, fmt.Errorf("dump tables: %w", err)
	}
	names := map[uint32]map[string]string{}
	err = Drain(dump.Recv, func(d *ip.IPTableDetails) {
		if names[d.Table.TableID] == nil {
			names[d.Table.TableID] = map[string]string{}
		}
		names[d.Table.TableID][family(d.Table.IsIP6)] = d.Table.Name
	})
	if err != nil {
		return nil, fmt.Errorf("dump tables: %w", err)
	}
	return names, nil
}

func family(v6 bool) string {
	if v6 {
		return "v6"
	}
	return "v4"
}

// tableOf is the table that an interface is in.
func (s *Session) tableOf(ctx context.Context, index Index, v6 bool) (uint32, error) {
	reply, err := s.interfaces().SwInterfaceGetTable(ctx, &interfaces.SwInterfaceGetTable{SwIfIndex: index, IsIPv6: v6})
	if err != nil {
		return 0, err
	}
	return reply.VrfID, nil
}

// isInTable tells whether an interface is in the table in both families.
func (s *Session) isInTable(ctx context.Context, iface Interface, table uint32) (bool, error) {
	for _, v6 := range []bool{false, true} {
		seen, err := s.tableOf(ctx, iface.Index, v6)
		if err != nil {
			return false, fmt.Errorf("table of %s: %w", iface.Name, err)
		}
		if seen != table {
			return false, nil
		}
	}
	return true, nil
}

type changeTable struct {
	id     uint32
	family string
	name   string
	add    bool
}

func (s changeTable) String() string {
	if s.add {
		return fmt.Sprintf("create table %d %s", s.id, s.family)
	}
	return fmt.Sprintf("delete table %d %s", s.id, s.family)
}

// Apply may be repeated: adding a table that exists changes nothing, not even
// its name.
func (s changeTable) Apply(ctx context.Context, session *Session) error {
	_, err := ip.NewServiceClient(session.conn).IPTableAddDel(ctx, &ip.IPTableAddDel{
		IsAdd: s.add, Table: ip.IPTable{TableID: s.id, IsIP6: s.family == "v6", Name: s.name},
	})
	return err
}

// InTable is a table's membership of an interface that holds addresses. It ends
// with the interface.
type InTable struct {
	Interface string `json:"interface"`
	Table     uint32 `json:"table"`
}

var _ Part = InTable{}

// InTableState is an observed InTable.
type InTableState struct {
	InTable
	// Created tells whether the interface exists, Joined whether it is in the table.
	Created bool `json:"created,omitempty"`
	Joined  bool `json:"joined,omitempty"`
}

// Observe implements Part.
func (t InTable) Observe(ctx context.Context, s *Session, iface *Interface, goal Goal) (Observation, error) {
	state := InTableState{InTable: t, Created: iface != nil}
	if iface == nil || goal == Absence {
		return state, nil
	}
	var err error
	state.Joined, err = s.isInTable(ctx, *iface, t.Table)
	return state, err
}

// Nothing implements Part.
func (t InTable) Nothing() Observation { return InTableState{InTable: t} }

// Plan implements Observation.
func (o InTableState) Plan(goal Goal) Plan {
	if goal == Absence || o.Joined || !o.Created && o.Table == 0 {
		return nil
	}
	return Plan{setTable{o.Interface, o.Table}}
}

// MustRenew: VPP doesn't move an interface that has addresses.
func (o InTableState) MustRenew() bool { return o.Created && !o.Joined }
