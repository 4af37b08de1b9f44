package suite

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/userspace-cni/userspace-cni/cnivpp/vpp"
	podcontract "github.com/userspace-cni/userspace-cni/pkg/contract"
	"github.com/userspace-cni/userspace-cni/pkg/state"
	"github.com/userspace-cni/userspace-cni/test/lab"
)

// condition is what the model knows of an attachment.
type condition string

const (
	absent   condition = "absent"   // there is nothing of it
	attached condition = "attached" // all of it is there
	broken   condition = "broken"   // VPP was restarted: it has nothing of it
	unclear  condition = "unclear"  // a call about it was ended on its way
)

// slot is an attachment that a schedule may make.
type slot struct {
	attachment
	on *lane
	is condition
	// addresses are what ADD gave; empty: it isn't known.
	addresses string
	count     int
}

func (s *slot) String() string { return fmt.Sprintf("%s of %s (%s)", s.id, s.on.conf["name"], s.is) }

// added is an ADD that must have succeeded.
func (s *slot) added(reply lab.Reply) error {
	addresses, count, err := addressesIn(reply)
	if err != nil {
		return fmt.Errorf("ADD of %s: %w", s, err)
	}
	if s.addresses != "" && addresses != s.addresses {
		return fmt.Errorf("ADD of %s gave %s, it had %s", s, addresses, s.addresses)
	}
	if s.is != attached {
		s.on.owner = s.id
	}
	s.is, s.addresses, s.count = attached, addresses, count
	return nil
}

func (s *slot) deleted() {
	if s.on.owner == s.id {
		s.on.owner = ""
	}
	s.is, s.addresses, s.count = absent, "", 0
}

// killed is what a call leaves that was ended at a message.
func (s *slot) killed(command string) {
	switch {
	case s.is == absent && command != "ADD":
	case s.is == attached && command == "ADD": // it only looks
	default:
		s.is, s.addresses = unclear, ""
		// A GC may have finished with this one, and been killed at another.
		s.on.unsure = s.on.unsure || command == "GC" && s.on.owner == s.id
	}
}

// failed is what a call leaves that said so: an ADD took everything back.
func (s *slot) failed() {
	if s.is != absent {
		s.is, s.addresses = unclear, ""
		s.on.unsure = s.on.unsure || s.on.owner == s.id
	}
}

// lane is a network with everything of its own: directories, API server, pod.
type lane struct {
	surroundings
	bench *bench
	// owner is the sandbox whose entry the pod's annotation has; empty: none. Where
	// it is unsure, none will do too.
	owner  string
	unsure bool
}

// world is what a worker's schedules are run in, one after the other.
type world struct {
	*bench
	lanes  []*lane
	socket string // leads to VPP's API socket, or to a proxy
	// podNetns is the pods'. Another worker's abstract sockets have the same names.
	podNetns string
}

// newWorld has a network of each variant, and further ones that share with them:
// neighbours share a bridge, or gateway and table.
func newWorld(t *testing.T, engine lab.Engine, podNetns string) *world {
	w := &world{bench: newBench(t, engine), podNetns: podNetns}
	w.socket = w.switched()
	var all []variant
	for _, v := range variants {
		all = append(all, v)
		if twin, ok := twins[v.name]; ok {
			all = append(all, variant{v.name + ", twin", func(b *bench) surroundings {
				s := v.network(b)
				twin(b, s.conf)
				return s
			}})
		}
	}
	for i, v := range all {
		w.lanes = append(w.lanes, w.lane(v, i))
	}
	w.prepare()
	return w
}

// twins make another network of a variant that shares with the first what
// networks can share, by changing the configuration.
var twins = map[string]func(b *bench, conf object){
	"bridge, file":                     func(b *bench, conf object) { conf["ipam"] = b.hostLocal(5)["ipam"] },
	"VLAN with uplink, abstract, IPAM": func(b *bench, conf object) { conf["ipam"] = b.hostLocal(6)["ipam"] },
	"routed in a VRF, abstract, IPAM": func(b *bench, conf object) {
		conf["ipam"].(object)["ranges"] = []any{[]any{object{"subnet": "10.1.0.0/24", "rangeStart": "10.1.0.128"}}}
	},
}

func (w *world) lane(v variant, number int) *lane {
	own := *w.bench
	own.dir = filepath.Join(w.dir, strconv.Itoa(number))
	must(w.bench, os.Mkdir(own.dir, 0o755))
	l := &lane{surroundings: v.network(&own), bench: &own}
	l.conf["name"], l.conf["vppApiSocket"] = fmt.Sprintf("net-%d", number), w.socket
	return l
}

// prepare gives a VPP that has just been started what an administrator would.
func (w *world) prepare() {
	w.given = nil
	for _, l := range w.lanes {
		// The twins have the same uplink.
		if l.prepare != nil && len(w.given) == 0 {
			l.prepare()
			w.given = w.objects()
		}
	}
}

func (w *world) reset() {
	for _, l := range w.lanes {
		l.owner, l.unsure = "", false
	}
}

// subnet is the first of the lane's network, which has the gateway.
func (l *lane) subnet() string {
	ranges := l.conf["ipam"].(object)["ranges"].([]any)
	return ranges[0].([]any)[0].(object)["subnet"].(string)
}

// gatewayed tells whether the lane's network has a gateway, if it is a routed one.
func (l *lane) gatewayed() bool {
	vcl, _ := l.conf["host"].(object)["vcl"].(object)
	return vcl["cutThrough"] == nil
}

// shares names what the lane's attachments share with others on VPP.
func (l *lane) shares() (domain, gateway, table string) {
	host := l.conf["host"].(object)
	switch host["netType"] {
	case "bridge":
		return fmt.Sprint(host["bridge"]), "", ""
	case "interface":
		if host["vrf"] != nil {
			table = fmt.Sprint(host["vrf"])
		}
		gateway = l.subnet() + " in table " + table
		if !l.gatewayed() {
			gateway = ""
		}
	}
	return "", gateway, table
}

// compare finds on VPP, in IPAM and in the annotations what the model has.
func (s *schedule) compare() error {
	if err := s.compareInterfaces(); err != nil {
		return err
	}
	for _, l := range s.lanes {
		if err := s.comparePod(l); err != nil {
			return err
		}
	}
	if slices.ContainsFunc(s.slots, func(on *slot) bool { return on.is == unclear }) {
		return nil
	}
	if err := s.compareAddresses(); err != nil {
		return err
	}
	return s.compareObjects()
}

// compareInterfaces finds exactly one interface for what is attached, and none
// for what isn't.
func (s *schedule) compareInterfaces() error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	session, err := vpp.Connect(ctx, s.host.APISocket)
	if err != nil {
		return err
	}
	defer session.Close()
	all, err := session.Interfaces(ctx)
	if err != nil {
		return err
	}
	count := map[string]int{}
	for _, iface := range all {
		count[iface.Tag]++
	}
	for _, on := range s.slots {
		n := count["userspace-cni:"+on.key()]
		if on.is == attached && n != 1 || (on.is == absent || on.is == broken) && n != 0 || n > 1 {
			return fmt.Errorf("%s has %d interfaces", on, n)
		}
	}
	return nil
}

func (s *slot) key() string {
	return state.Attachment{Network: s.on.conf["name"].(string), ContainerID: s.id, IfName: s.ifName}.Key()
}

// comparePod finds in the annotation the sandbox that was added last.
func (s *schedule) comparePod(l *lane) error {
	if l.cluster == nil {
		return nil
	}
	text := l.cluster.Annotations("default", "web")[podcontract.AnnotationData]
	var seen []string
	if text != "" {
		all, err := podcontract.ParseList([]byte(text))
		if err != nil {
			return err
		}
		for _, entry := range all {
			seen = append(seen, entry.ContainerID)
		}
	}
	if len(seen) == 0 && l.unsure {
		l.owner = ""
	}
	l.unsure = false
	if got := strings.Join(seen, " "); got != l.owner {
		return fmt.Errorf("the annotation of %s has entries of %q, want %q", l.conf["name"], got, l.owner)
	}
	return nil
}

// compareAddresses finds as many addresses allocated as were given, each once.
func (s *schedule) compareAddresses() error {
	given, owners := map[*lane]int{}, map[string]*slot{}
	for _, on := range s.slots {
		given[on.on] += on.count
		if on.count == 0 {
			continue
		}
		domain, gateway, _ := on.on.shares()
		key := domain + gateway + on.addresses
		if other, taken := owners[key]; taken {
			return fmt.Errorf("%s and %s have the same addresses %s", other, on, on.addresses)
		}
		owners[key] = on
	}
	for l, want := range given {
		if got := l.bench.addresses(); got != want {
			return fmt.Errorf("IPAM of %s has allocated %d addresses, want %d", l.conf["name"], got, want)
		}
	}
	return nil
}

// compareObjects counts what there is on VPP, shared things included.
func (s *schedule) compareObjects() error {
	want := map[string]int{}
	shared := map[string]bool{}
	one := func(kind, name string, count int) {
		if name != "" && !shared[kind+name] {
			shared[kind+name] = true
			want[kind] += count
		}
	}
	for _, on := range s.slots {
		if on.is != attached {
			continue
		}
		switch on.on.conf["host"].(object)["iftype"] {
		case "memif":
			want["interface memif"]++
			want["memif socket "]++
		case "vhostuser":
			want["interface VirtualEthernet"]++
		case "vcl":
			want["interface loop"]++
			want["app namespace "]++
			if on.on.gatewayed() {
				want["table "] += 2 // its own
			}
		}
		domain, gateway, table := on.on.shares()
		one("bridge-domain ", domain, 1)
		one("interface loop", gateway, 1)
		one("table ", table, 2)
	}
	objects := s.objects()
	for _, kind := range []string{"interface memif", "memif socket ", "interface VirtualEthernet", "bridge-domain ", "interface loop", "app namespace ", "table "} {
		got := 0
		for _, line := range objects {
			if strings.HasPrefix(line, kind) && !strings.Contains(line, "memif9/0.") { // the uplink's
				got++
			}
		}
		if got != want[kind] {
			return fmt.Errorf("VPP has %d of %q, want %d:\n%s", got, kind, want[kind], strings.Join(objects, "\n"))
		}
	}
	return nil
}

// nothing asserts that a schedule has left nothing.
func (s *schedule) nothing() error {
	dirs, information := []string{state.DefaultDir}, []string{}
	for _, l := range s.lanes {
		dirs = append(dirs, l.bench.sharedDir(), l.bench.ipamDir())
		information = append(information, l.bench.deviceInfoFiles()...)
		if l.cluster != nil {
			dirs = append(dirs, l.cluster.volume)
		}
	}
	files, err := lab.FilesLeft(dirs...)
	if err != nil {
		return err
	}
	if left := strings.TrimSpace(strings.Join(s.objects(), "\n") + "\n" + files + "\n" + strings.Join(information, "\n")); left != "" {
		return fmt.Errorf("left behind:\n%s", left)
	}
	return s.compare()
}
