package suite

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"go.fd.io/govpp/api"
	"go.fd.io/govpp/binapi/fib_types"
	interfaces "go.fd.io/govpp/binapi/interface"
	"go.fd.io/govpp/binapi/ip"
	"go.fd.io/govpp/binapi/ip_types"
	"go.fd.io/govpp/binapi/l2"
	"go.fd.io/govpp/binapi/memclnt"
	"go.fd.io/govpp/binapi/memif"
	"go.fd.io/govpp/binapi/urpf"
	"go.fd.io/govpp/binapi/vhost_user"
	"go.fd.io/govpp/binapi/vlib"

	"github.com/userspace-cni/userspace-cni/pkg/vppapi"
	"github.com/userspace-cni/userspace-cni/test/lab"
)

// updateVariable, when set, makes the real VPP write the files of testdata/api.
const updateVariable = "UPDATE_GOLDEN"

// contract is a VPP under test: each step is noted with what it changed.
type contract struct {
	*testing.T
	engine lab.Engine
	conn   *vppapi.Conn
	dir    string // VPP's
	before []string
	notes  strings.Builder
}

// onEachAPI runs a test on each engine, with nothing on it.
func onEachAPI(t *testing.T, test func(v *contract)) {
	for _, engine := range engines {
		name := "simulator"
		if engine.Real {
			name = "vpp"
		}
		t.Run(name, func(t *testing.T) {
			if err := touchSources(); err != nil {
				t.Fatal(err)
			}
			dir, err := os.MkdirTemp("/run", "c")
			if err != nil {
				t.Fatal(err)
			}
			defer os.RemoveAll(dir)
			vpp, err := lab.StartVPP(engine, dir, "")
			if err != nil {
				t.Fatal(err)
			}
			defer vpp.Kill()
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			conn, err := vppapi.Dial(ctx, vpp.APISocket, "contract")
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			v := &contract{T: t, engine: engine, conn: conn, dir: dir}
			v.before = v.look()
			test(v)
		})
	}
}

// take makes a request, and notes the answer and what is different afterwards.
func (v *contract) take(s step) {
	v.Helper()
	reply := replyTo(s.request)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := v.conn.Invoke(ctx, s.request, reply); err != nil {
		v.Fatalf("%s: %v", s.what, err)
	}
	fields := reflect.ValueOf(reply).Elem()
	if got := int32(fields.FieldByName("Retval").Int()); got != s.want {
		v.Errorf("%s: %s: retval %d (%v), want %d", s.what, s.request.GetMessageName(), got, api.RetvalToVPPApiError(got), s.want)
	}
	fmt.Fprintf(&v.notes, "%s: %s: %d", s.what, s.request.GetMessageName(), s.want)
	if index := fields.FieldByName("SwIfIndex"); index.IsValid() {
		fmt.Fprintf(&v.notes, ", sw_if_index %d", int32(index.Uint()))
	}
	if found, ok := reply.(*ip.IPRouteLookupReply); ok && found.Retval == 0 {
		fmt.Fprintf(&v.notes, ", %s", routeLine(found.Route))
	}
	v.notes.WriteString("\n")
	v.changes()
}

// changes notes what is different since the last time.
func (v *contract) changes() {
	v.Helper()
	now := v.look()
	v.note("-", v.before, now)
	v.note("+", now, v.before)
	v.before = now
}

// note writes the lines of a that b lacks.
func (v *contract) note(sign string, a, b []string) {
	for _, line := range a {
		if !slices.Contains(b, line) {
			fmt.Fprintf(&v.notes, "  %s %s\n", sign, line)
		}
	}
}

func replyTo(request api.Message) api.Message {
	pkg := path.Dir(reflect.TypeOf(request).Elem().PkgPath())
	for _, m := range api.GetRegisteredMessages()[pkg] {
		if m.GetMessageName() == request.GetMessageName()+"_reply" {
			return reflect.New(reflect.TypeOf(m).Elem()).Interface().(api.Message)
		}
	}
	panic(request.GetMessageName() + " has no reply")
}

// compare compares the notes with what a real VPP was seen to do.
func (v *contract) compare(file string) {
	v.Helper()
	got := v.notes.String()
	if v.engine.Real && os.Getenv(updateVariable) != "" {
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, []byte(got), 0o644)); err != nil {
			v.Fatal(err)
		}
	}
	data, err := os.ReadFile(file)
	if err != nil {
		v.Fatal(err)
	}
	wanted, have := strings.Split(string(data), "\n"), strings.Split(got, "\n")
	for i := range max(len(wanted), len(have)) {
		if i >= len(have) || i >= len(wanted) || have[i] != wanted[i] {
			v.Errorf("%s:%d differs; want\n%s\ngot\n%s", file, i+1, excerpt(wanted, i), excerpt(have, i))
			return
		}
	}
}

// excerpt is what stands around a line.
func excerpt(lines []string, at int) string {
	return strings.Join(lines[min(max(at-4, 0), len(lines)):min(at+12, len(lines))], "\n")
}

// look describes everything on the VPP, a line each.
func (v *contract) look() (lines []string) {
	v.Helper()
	add := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	var loopbacks []string
	dump(v, &interfaces.SwInterfaceDump{SwIfIndex: none}, func(d *interfaces.SwInterfaceDetails) {
		if d.InterfaceDevType == "Loopback" {
			loopbacks = append(loopbacks, d.InterfaceName)
		}
		add("interface %d %s %s flags %d mac %v link-mtu %d mtu %v tag %q", d.SwIfIndex, d.InterfaceName, d.InterfaceDevType,
			d.Flags, d.L2Address, d.LinkMtu, d.Mtu, d.Tag)
		if d.SupSwIfIndex != uint32(d.SwIfIndex) || d.Type != 0 || d.VtrOp != 0 {
			add("interface %d type %d below %d sub-id %d tags %d outer %d inner %d flags %#x rewrite %d", d.SwIfIndex, d.Type, d.SupSwIfIndex, d.SubID,
				d.SubNumberOfTags, d.SubOuterVlanID, d.SubInnerVlanID, uint32(d.SubIfFlags), d.VtrOp)
		}
		for _, v6 := range []bool{false, true} {
			reply := &interfaces.SwInterfaceGetTableReply{}
			v.must(v.conn.Invoke(context.Background(), &interfaces.SwInterfaceGetTable{SwIfIndex: d.SwIfIndex, IsIPv6: v6}, reply))
			if reply.VrfID != 0 || reply.Retval != 0 {
				add("interface %d table %d ip6 %t", d.SwIfIndex, int32(reply.VrfID), v6)
			}
			dump(v, &ip.IPAddressDump{SwIfIndex: d.SwIfIndex, IsIPv6: v6}, func(a *ip.IPAddressDetails) {
				add("interface %d address %s", a.SwIfIndex, a.Prefix)
			})
		}
	})
	for _, name := range loopbacks {
		answer, _ := v.cli("show interface features " + name)
		for word := range strings.FieldsSeq(answer) {
			if strings.Contains(word, "urpf") {
				add("interface %s feature %s", name, word)
			}
		}
	}
	dump(v, &interfaces.SwInterfaceRxPlacementDump{SwIfIndex: none}, func(d *interfaces.SwInterfaceRxPlacementDetails) {
		add("interface %d queue %d of worker %d rx-mode %s", d.SwIfIndex, d.QueueID, d.WorkerID, d.Mode)
	})
	dump(v, &ip.IPUnnumberedDump{SwIfIndex: none}, func(d *ip.IPUnnumberedDetails) {
		add("interface %d unnumbered to %d", d.SwIfIndex, int32(d.IPSwIfIndex))
	})
	dump(v, &memif.MemifSocketFilenameDump{}, func(d *memif.MemifSocketFilenameDetails) {
		if d.SocketID != 0 { // it is in VPP's runtime directory
			add("memif socket %d %s", d.SocketID, d.SocketFilename)
		}
	})
	dump(v, &memif.MemifDump{}, func(d *memif.MemifDetails) {
		add("memif %d %s socket %d id %d role %d mode %d ring %d buffer %d zero-copy %t flags %d", d.SwIfIndex, d.IfName, d.SocketID, d.ID,
			d.Role, d.Mode, d.RingSize, d.BufferSize, d.ZeroCopy, d.Flags)
	})
	dump(v, &vhost_user.SwInterfaceVhostUserDump{SwIfIndex: none}, func(d *vhost_user.SwInterfaceVhostUserDetails) {
		made := "no file"
		if _, err := os.Lstat(d.SockFilename); err == nil {
			made = "a file"
		}
		add("vhost-user %d server %t socket %s (%s) regions %d", d.SwIfIndex, d.IsServer, d.SockFilename, made, d.NumRegions)
	})
	dump(v, &l2.BridgeDomainDump{BdID: uint32(none), SwIfIndex: none}, func(d *l2.BridgeDomainDetails) {
		add("bridge-domain %d tag %q flood %t %t forward %t learn %t bvi %d ports %v", d.BdID, d.BdTag, d.Flood, d.UuFlood, d.Forward, d.Learn,
			int32(d.BviSwIfIndex), d.SwIfDetails)
	})
	var tables []ip.IPTable
	dump(v, &ip.IPTableDump{}, func(d *ip.IPTableDetails) { tables = append(tables, d.Table) })
	for _, t := range tables {
		add("table %d ip6 %t name %q", t.TableID, t.IsIP6, t.Name)
		dump(v, &ip.IPRouteDump{Table: t}, func(d *ip.IPRouteDetails) {
			add("table %d ip6 %t %s", t.TableID, t.IsIP6, routeLine(d.Route))
		})
	}
	if v.conn.Supports(&urpf.UrpfInterfaceDump{}) == nil { // 23.06 lacks it
		dump(v, &urpf.UrpfInterfaceDump{SwIfIndex: none}, func(d *urpf.UrpfInterfaceDetails) {
			add("interface %d %s input %t table %d %s", d.SwIfIndex, d.Mode, d.IsInput, d.TableID, d.Af)
		})
	}
	v.lookAtNamespaces(add)
	slices.Sort(lines)
	return lines
}

// cli runs a command, where VPP's own directory is the simulator's.
func (v *contract) cli(command string) (string, int32) {
	v.Helper()
	reply := &vlib.CliInbandReply{}
	v.must(v.conn.Invoke(context.Background(), &vlib.CliInband{Cmd: command}, reply))
	return strings.ReplaceAll(reply.Reply, v.dir+"/app_ns_sockets", "/run/vpp/app_ns_sockets"), reply.Retval
}

// lookAtNamespaces asks for each index that VPP may have given.
func (v *contract) lookAtNamespaces(add func(string, ...any)) {
	v.Helper()
	table, retval := v.cli("show app ns")
	if retval != 0 {
		add("namespaces: %d, %s", retval, strings.TrimSpace(table))
		return
	}
	listening, err := os.ReadFile("/proc/net/unix")
	v.must(err)
	for row := range strings.Lines(table) {
		cells := strings.Split(row, "\x1b[0m")
		if len(cells) != 6 || strings.Contains(row, "Index") {
			continue
		}
		id := strings.TrimSpace(cells[3])
		answer, _ := v.cli("show app ns id " + id)
		add("namespace %s", strings.Join(strings.Fields(answer), " "))
		socket := strings.TrimPrefix(strings.TrimSpace(cells[4]), "abstract:")
		add("namespace %s in the table: %s %q, found %t", id, strings.TrimSpace(cells[2]), strings.TrimSpace(cells[4]),
			id != "default" && strings.Contains(string(listening), strings.SplitN(socket, ",", 2)[0]+"\n"))
	}
}

func routeLine(r ip.IPRoute) string {
	line := "route " + r.Prefix.String()
	for _, p := range r.Paths {
		via := ip_types.Address{Un: p.Nh.Address}
		if p.Proto == fib_types.FIB_API_PATH_NH_PROTO_IP6 {
			via.Af = ip_types.ADDRESS_IP6
		}
		line += fmt.Sprintf(" [%s over %d via %s weight %d flags %d]", strings.TrimPrefix(p.Type.String(), "FIB_API_PATH_TYPE_"),
			int32(p.SwIfIndex), address4or6(via), p.Weight, p.Flags)
	}
	return line
}

func address4or6(a ip_types.Address) netip.Addr {
	addr, _ := netip.AddrFromSlice(a.ToIP())
	return addr.Unmap()
}

func (v *contract) must(err error) {
	v.Helper()
	if err != nil {
		v.Fatal(err)
	}
}

// dump hands the details that answer a request to f.
func dump[D api.Message](v *contract, request api.Message, f func(D)) {
	v.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	stream, err := v.conn.NewStream(ctx)
	v.must(err)
	defer stream.Close()
	v.must(errors.Join(stream.SendMsg(request), stream.SendMsg(&memclnt.ControlPing{})))
	// A request inside of f must not wait for this stream.
	var all []D
	for {
		m, err := stream.RecvMsg()
		v.must(err)
		d, ok := m.(D)
		if !ok {
			break
		}
		all = append(all, d)
	}
	for _, d := range all {
		f(d)
	}
}
