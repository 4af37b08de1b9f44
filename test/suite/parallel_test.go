package suite

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.fd.io/govpp/binapi/ip"
	"go.fd.io/govpp/binapi/l2"

	"github.com/userspace-cni/userspace-cni/cnivpp/vpp"
	"github.com/userspace-cni/userspace-cni/test/lab"
)

// crowd makes many calls at once, in random order.
type crowd struct {
	*bench
	rand *rand.Rand
	// longest is how long a call took; calls is how many there were, and most how
	// many at once.
	longest     time.Duration
	calls, most int
}

// demand is a call that a crowd makes, and that must succeed.
type demand struct {
	command string
	attachment
}

func demands(command string, all ...[]attachment) []demand {
	var made []demand
	for _, a := range slices.Concat(all...) {
		made = append(made, demand{command, a})
	}
	return made
}

// atOnce makes all calls at the same time.
func (c *crowd) atOnce(all ...[]demand) {
	c.Helper()
	calls := slices.Concat(all...)
	c.rand.Shuffle(len(calls), func(i, j int) { calls[i], calls[j] = calls[j], calls[i] })
	var lock sync.Mutex
	var running sync.WaitGroup
	for _, d := range calls {
		running.Go(func() {
			started := time.Now()
			reply, err := lab.CNI(bin, d.lab(d.command))
			if err == nil {
				err = reply.Error()
			}
			lock.Lock()
			defer lock.Unlock()
			c.longest = max(c.longest, time.Since(started))
			if err != nil {
				c.Errorf("%s of %s: %v", d.command, d.id, err)
			}
		})
	}
	running.Wait()
	c.calls, c.most = c.calls+len(calls), max(c.most, len(calls))
	if c.Failed() {
		c.FailNow()
	}
}

// TestParallel has some 200 pods come and go at once: on one bridge, on bridges that
// come and go with them, on routed networks that share gateway and table, and on
// a bridge and a table that somebody else made.
func TestParallel(t *testing.T) {
	onEach(t, func(b *bench) {
		c := &crowd{bench: b, rand: rand.New(rand.NewPCG(1, 0))}
		b.foreignObjects()
		b.given = b.objects()
		all := c.pods()
		former, successor := c.recreated()
		half := len(all) / 2
		one, two := all[:half], all[half:]

		c.atOnce(demands("ADD", one, former))
		// Some go while others come, some are told twice.
		c.atOnce(demands("DEL", one, one[:20]), demands("ADD", two, two[:20], successor), demands("DEL", former[:5]))
		c.atOnce(demands("CHECK", two, successor), demands("DEL", former, one[20:40])) // late ones among them
		c.successorsStand(successor)
		c.atOnce(demands("DEL", two), demands("ADD", one), demands("DEL", former))
		c.atOnce(demands("CHECK", one, successor))
		c.atOnce(demands("ADD", two), demands("DEL", former))
		c.atOnce(demands("DEL", all, successor, former))
		b.nothingLeft()
		raw, err := b.host.Left()
		must(b, err)
		for _, object := range b.given {
			if !slices.Contains(strings.Split(raw, "\n"), object) {
				b.Errorf("somebody else's %s is gone", object)
			}
		}
		b.summary("%d pods came and went, %d calls, up to %d at once, the longest took %s",
			len(all)+2*len(former), c.calls, c.most, c.longest.Round(time.Millisecond))
	})
}

// pods are on networks that share what networks can share.
func (c *crowd) pods() []attachment {
	routedIn := func(vrf int, subnet, first, last string) object {
		return object{
			"host": routed(vrf)["host"],
			"ipam": object{"type": "host-local", "dataDir": c.ipamDir(), "subnet": subnet, "rangeStart": first, "rangeEnd": last},
		}
	}
	networks := []struct {
		count int
		conf  func(i int) object
	}{
		{30, func(int) object { return c.network("same", c.hostLocal(1)) }},
		{20, func(int) object { return c.network("foreign", c.hostLocal(2), bridged(object{"bridgeId": 5})) }},
		{40, func(i int) object {
			return c.network("passing", bridged(object{"bridgeName": fmt.Sprint("passing-", i%10), "vlanId": i % 3}))
		}},
		{20, func(int) object { return c.network("low", routedIn(7, "10.3.0.0/24", "10.3.0.10", "10.3.0.99")) }},
		{20, func(int) object { return c.network("high", routedIn(7, "10.3.0.0/24", "10.3.0.100", "10.3.0.199")) }},
		{20, func(int) object { return c.network("neighbour", routedIn(7, "10.4.0.0/24", "10.4.0.10", "10.4.0.99")) }},
		{20, func(int) object { return c.network("guest", routedIn(8, "10.5.0.0/24", "10.5.0.10", "10.5.0.99")) }},
	}
	var all []attachment
	for _, n := range networks {
		for i := range n.count {
			conf := n.conf(i)
			all = append(all, c.attach(conf, fmt.Sprintf("%s-%d", conf["name"], i), "net1"))
		}
	}
	c.rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all
}

// recreated are two sandboxes for each of several interfaces of one pod, with an
// address that stays the interface's. A late DEL of the former one must take
// neither annotation nor route of the latter.
func (c *crowd) recreated() (former, successor []attachment) {
	cluster := c.cluster()
	env := c.fakeIPAM(`n=${CNI_IFNAME#net}
echo '{"cniVersion":"1.1.0","ips":[{"address":"10.6.0.'$n'/24","gateway":"10.6.0.1"}]}'`)
	conf := c.network("fixed", routed(6), object{"kubeconfig": cluster.kubeconfig, "ipam": object{"type": "fake"}})
	for n := range 15 {
		for _, id := range []string{"former", "successor"} {
			a := c.attach(conf, id, fmt.Sprint("net", 10+n)).asPod("u-1")
			a.env = append(a.env, env...)
			if id == "former" {
				former = append(former, a)
			} else {
				successor = append(successor, a)
			}
		}
	}
	return former, successor
}

// successorsStand asserts that the pod's annotation has the successors alone.
// Their routes CHECK has found.
func (c *crowd) successorsStand(successor []attachment) {
	c.Helper()
	entries := c.clusters[0].entries(c.bench)
	if len(entries) != len(successor) {
		c.Errorf("the pod has %d entries, want %d", len(entries), len(successor))
	}
	for _, entry := range entries {
		if entry.ContainerID != "successor" {
			c.Errorf("%s has the entry of %s", entry.IfName, entry.ContainerID)
		}
	}
}

// foreignObjects are a bridge domain, a table and a loopback of an administrator.
func (b *bench) foreignObjects() {
	b.Helper()
	b.loopback(3, "10.99.0.1/24")
	b.admin(func(ctx context.Context, s *vpp.Session) error {
		_, err := l2.NewServiceClient(s.Conn()).BridgeDomainAddDelV2(ctx, &l2.BridgeDomainAddDelV2{
			IsAdd: true, BdID: 5, BdTag: "the administrator's", Learn: true, Forward: true, Flood: true, UuFlood: true,
		})
		if err != nil {
			return err
		}
		_, err = ip.NewServiceClient(s.Conn()).IPTableAddDel(ctx, &ip.IPTableAddDel{IsAdd: true, Table: ip.IPTable{TableID: 8, Name: "the administrator's"}})
		return err
	})
}
