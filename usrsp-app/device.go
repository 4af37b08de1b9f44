package usrspapp

import (
	"fmt"
	"math/bits"
	"net/netip"
	"regexp"
	"strings"

	"github.com/userspace-cni/userspace-cni/pkg/contract"
	"github.com/userspace-cni/userspace-cni/pkg/netconf"
)

const (
	// maxSecret is what a memif's messages carry (MEMIF_SECRET_SIZE with its NUL
	// in DPDK's drivers/net/memif/memif.h): a longer one would be cut.
	maxSecret = 23
	// maxRing is the largest ring of DPDK's memif driver
	// (ETH_MEMIF_MAX_LOG2_RING_SIZE in drivers/net/memif/rte_eth_memif.h).
	maxRing = 1 << 14
	// maxPath is the longest path of a Unix socket.
	maxPath = 107
	// maxQueues is the most that VPP's vhost-user takes in pairs; Debian's
	// DPDK 22.11 refuses more than 8.
	maxQueues = 128
)

// Device is an interface of the pod as a DPDK application has it: what EAL is
// told, and what an application can't learn from EAL.
type Device struct {
	Network string `json:"network"`
	IfName  string `json:"ifName"`
	// Port is the number of DPDK's port, when the arguments are given in their
	// order and there are no other devices.
	Port int `json:"port"`
	// Name is that of DPDK's device, Argument what EAL is told about it.
	Name     string `json:"device"`
	Argument string `json:"argument"`
	IfType   string `json:"iftype"`
	// Socket is a path, or an abstract name.
	Socket   string `json:"socket"`
	Abstract bool   `json:"abstract,omitempty"`
	// Listens tells that the application makes the socket.
	Listens bool `json:"listens,omitempty"`
	// RxQueues and TxQueues are what the application should set up.
	RxQueues int    `json:"rxQueues"`
	TxQueues int    `json:"txQueues"`
	MAC      string `json:"mac,omitempty"`
	// MTU is 0 where nothing was said.
	MTU int `json:"mtu,omitempty"`
	// Routed tells that the gateway is the only neighbour.
	Routed    bool           `json:"routed,omitempty"`
	Addresses []netip.Prefix `json:"addresses"`
	// Routes have their next hop; without one they are attached. Two interfaces
	// may bring the same.
	Routes []contract.Route `json:"routes"`
}

// drivers make the argument of EAL for each kind of endpoint, without its socket
// being there.
var drivers = map[string]func(*Device, netconf.Side, int) error{
	netconf.IfTypeMemif:     (*Device).asMemif,
	netconf.IfTypeVhostUser: (*Device).asVirtioUser,
}

// newDevice describes an entry as DPDK's port of that number, at that socket.
// Queues other than 0 replace what the contract says.
func newDevice(entry contract.Entry, port int, socket string, queues int) (Device, error) {
	side := entry.Config
	d := Device{
		Network: entry.Name, IfName: entry.IfName, Port: port, IfType: side.IfType, MAC: side.MAC, MTU: side.MTU,
		Socket: socket, Abstract: side.Socket().Abstract, Listens: side.Socket().Listens,
		Routed: entry.Routed, Addresses: addresses(entry), Routes: []contract.Route{},
	}
	for _, route := range routes(entry) {
		d.Routes = append(d.Routes, contract.Route{Dst: route.Prefix, GW: route.Gateway})
	}
	driver, ok := drivers[side.IfType]
	if !ok {
		return d, fmt.Errorf("iftype %.64q has no DPDK driver; allowed: %q, %q", side.IfType, netconf.IfTypeMemif, netconf.IfTypeVhostUser)
	}
	if side.MAC != "" && !isMAC.MatchString(side.MAC) {
		return d, fmt.Errorf("mac %.64q is not allowed; allowed: an address such as 02:fe:00:00:00:01", side.MAC)
	}
	if err := fitsArgument("socket", socket); err != nil {
		return d, err
	}
	return d, driver(&d, side, queues)
}

var isMAC = regexp.MustCompile("^([0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}$")

// argumentMarks are the characters beside letters and digits that go through a
// shell's unquoted $(…) and through EAL's parser of key=value,… as they are.
const argumentMarks = "._/:+@%-"

var isArgument = regexp.MustCompile("^[A-Za-z0-9" + regexp.QuoteMeta(argumentMarks) + "]+$")

// fitsArgument refuses what a shell would split or expand, and what EAL would.
func fitsArgument(what, value string) error {
	if !isArgument.MatchString(value) {
		return fmt.Errorf("%s %.128q can't be an argument of EAL on a command line; allowed: letters, digits and any of %s: choose another one",
			what, value, argumentMarks)
	}
	return nil
}

// asMemif is DPDK's memif driver (drivers/net/memif/rte_eth_memif.c). The number
// of queues is the application's, which sets them up.
func (d *Device) asMemif(side netconf.Side, queues int) error {
	memif := side.Memif
	if memif == nil {
		return fmt.Errorf("the contract has no memif block")
	}
	if mode := memif.Mode; mode != "" && mode != netconf.ModeEthernet {
		return fmt.Errorf("memif.mode %.64q is not possible: DPDK's driver knows %q alone", mode, netconf.ModeEthernet)
	}
	role, ok := map[string]string{netconf.RoleMaster: "server", netconf.RoleSlave: "client"}[memif.Role]
	if !ok {
		return fmt.Errorf("memif.role %.64q is not allowed; allowed: %q, %q", memif.Role, netconf.RoleMaster, netconf.RoleSlave)
	}
	d.RxQueues, d.TxQueues = orOne(queues, int(memif.RxQueues)), orOne(queues, int(memif.TxQueues))
	words := []string{"role=" + role, "id=0", "socket=" + d.Socket, "socket-abstract=" + yesOrNo(d.Abstract)}
	if size := memif.RingSize; size != 0 {
		if size < 2 || size > maxRing || bits.OnesCount32(size) != 1 {
			return fmt.Errorf("memif.ringSize %d is not allowed; allowed: a power of two from 2 to %d", size, maxRing)
		}
		words = append(words, fmt.Sprintf("rsize=%d", bits.TrailingZeros32(size)))
	}
	if memif.BufferSize != 0 {
		words = append(words, fmt.Sprintf("bsize=%d", memif.BufferSize))
	}
	if memif.Secret != "" {
		if err := fitsSecret(memif.Secret); err != nil {
			return err
		}
		words = append(words, "secret="+memif.Secret)
	}
	d.is("net_memif", append(d.withMAC(words), "zero-copy=no"))
	return nil
}

// fitsSecret never says the secret.
func fitsSecret(secret string) error {
	if len(secret) > maxSecret || fitsArgument("", secret) != nil {
		return fmt.Errorf("memif.secret can't be an argument of EAL on a command line; allowed: at most %d letters, digits and any of %s: choose another one in the network's configuration",
			maxSecret, argumentMarks)
	}
	return nil
}

// asVirtioUser is DPDK's virtio driver over vhost-user, whose other end is VPP's
// (drivers/net/virtio/virtio_user_ethdev.c). More than one queue brings the
// control queue by itself.
func (d *Device) asVirtioUser(side netconf.Side, queues int) error {
	vhost := side.Vhost
	if vhost == nil {
		return fmt.Errorf("the contract has no vhost block")
	}
	if mode := vhost.Mode; mode != netconf.VhostServer && mode != netconf.VhostClient {
		return fmt.Errorf("vhost.mode %.64q is not allowed; allowed: %q, %q", mode, netconf.VhostClient, netconf.VhostServer)
	}
	d.RxQueues, d.TxQueues = orOne(queues), orOne(queues)
	words := []string{"path=" + d.Socket}
	if d.Listens {
		words = append(words, "server=1")
	}
	words = append(words, fmt.Sprintf("queues=%d", d.RxQueues))
	if vhost.EnablePacked {
		words = append(words, "packed_vq=1")
	}
	d.is("net_virtio_user", d.withMAC(words))
	return nil
}

func (d *Device) withMAC(words []string) []string {
	if d.MAC == "" {
		return words
	}
	return append(words, "mac="+d.MAC)
}

func (d *Device) is(driver string, words []string) {
	d.Name = fmt.Sprintf("%s%d", driver, d.Port)
	d.Argument = "--vdev=" + strings.Join(append([]string{d.Name}, words...), ",")
}

// orOne is the first number that says something.
func orOne(numbers ...int) int {
	for _, n := range numbers {
		if n != 0 {
			return n
		}
	}
	return 1
}

func yesOrNo(is bool) string {
	if is {
		return "yes"
	}
	return "no"
}
