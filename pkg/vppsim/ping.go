package vppsim

import (
	"math/rand/v2"
	"net/netip"
	"time"

	"go.fd.io/govpp/binapi/ping"
)

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
