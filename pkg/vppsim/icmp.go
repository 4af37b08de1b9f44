package vppsim

import (
	"math/rand/v2"
	"net/netip"
	"time"

	"go.fd.io/govpp/binapi/ping"

	"github.com/userspace-cni/userspace-cni/pkg/vppsim/packet"
)

// hopLimit of our own packets (ip4_main.host_config.ttl).
const hopLimit = 64

// receiveIP is the host: it answers echo requests and neighbour solicitations,
// counts echo replies and passes on what is for others.
func (s *Sim) receiveIP(i *iface, from packet.MAC, b []byte) {
	p, ok := packet.ParseIP(b)
	if !ok || !i.enabled(p.Dst) || from.Group() {
		return
	}
	m, icmp := packet.ParseICMP(p)
	n, nd := packet.ParseND(p, m)
	switch {
	case icmp && nd && p.Dst.Is6():
		s.receiveND(i, p, n)
	case p.Dst.IsLinkLocalUnicast() && p.Dst.Is6() && !i.has(p.Dst):
	case !s.local(i.fib(p.Dst.Is6()), p.Dst):
		s.pass(i, p)
	case icmp:
		s.receiveEcho(i, p, m)
	}
}

// pass forwards a packet. Nobody is told of one that dies on the way.
func (s *Sim) pass(i *iface, p packet.IP) {
	if p.HopLimit > 1 && p.Dst.IsGlobalUnicast() {
		p.HopLimit--
		s.reply(i, p)
	}
}

func (s *Sim) receiveEcho(i *iface, p packet.IP, m packet.ICMP) {
	switch m.Type {
	case packet.Echo(p.Dst, true, 0, 0, nil).Type:
		reply := packet.Echo(p.Dst, false, m.ID(), m.Seq(), m.Body)
		s.reply(i, reply.Packet(p.Dst, p.Src, hopLimit))
	case packet.Echo(p.Dst, false, 0, 0, nil).Type:
		s.answered(m.ID())
	}
}

// reply looks the way back up, as VPP does; only a link-local address belongs to
// the link that the request came from.
func (s *Sim) reply(i *iface, p packet.IP) {
	if p.Dst.Is6() && p.Dst.IsLinkLocalUnicast() {
		s.transmit(hop{i, p.Dst}, p)
		return
	}
	if h, ok := s.lookup(i.fib(p.Dst.Is6()), p.Dst); ok {
		s.transmit(h, p)
	}
}

// sendEcho sends one echo request, and says whether there was a way to send it.
func (s *Sim) sendEcho(dst netip.Addr, id, seq uint16, body []byte) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	table := fibKey{v6: dst.Is6()}
	if s.local(table, dst) {
		s.answered(id)
		return true
	}
	h, ok := s.lookup(table, dst)
	if !ok {
		return false
	}
	src, ok := h.iface.source(h.next)
	if ok {
		s.transmit(h, packet.Echo(dst, true, id, seq, body).Packet(src, dst, hopLimit))
	}
	return ok
}

// pingBody is PING_DEFAULT_DATA_LEN of src/plugins/ping/ping.h, in bytes.
const pingBody = 100

// wantPing answers at once, pings, and then sends the event
// (src/plugins/ping/ping_api.c).
func (s *Sim) wantPing(c *client, r *ping.WantPingFinishedEvents, _ *ping.WantPingFinishedEventsReply) error {
	id := uint16(rand.Uint32())
	for s.pings[id] != nil {
		id++
	}
	replies := make(chan struct{}, 256)
	s.pings[id] = replies
	interval := time.Duration(r.Interval * float64(time.Second))
	s.wg.Go(func() {
		event := s.ping(address(r.Address), id, r.Repeat, interval, replies)
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.pings, id)
		c.send(event, 0)
	})
	return nil
}

// ping sends a request per interval; a reply that takes longer is lost.
func (s *Sim) ping(dst netip.Addr, id uint16, repeat uint32, interval time.Duration, replies <-chan struct{}) *ping.PingFinishedEvent {
	event := &ping.PingFinishedEvent{}
	for seq := range repeat {
		timer := time.NewTimer(interval)
		if !s.sendEcho(dst, id, uint16(seq+1), make([]byte, pingBody)) {
			continue // VPP doesn't wait for what it couldn't send
		}
		event.RequestCount++
		for waiting := true; waiting; {
			select {
			case <-replies:
				event.ReplyCount++
			case <-timer.C:
				waiting = false
			case <-s.ctx.Done():
				return event
			}
		}
	}
	return event
}

// answered counts a reply; one that nobody waits for is dropped.
func (s *Sim) answered(id uint16) {
	select {
	case s.pings[id] <- struct{}{}:
	default:
	}
}
