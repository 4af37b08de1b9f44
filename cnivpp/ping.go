package cnivpp

import (
	"context"
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"time"

	"go.fd.io/govpp/binapi/ping"

	"github.com/userspace-cni/userspace-cni/cnivpp/vpp"
)

// Pinged counts ICMP echo requests and the replies to them.
type Pinged struct {
	Sent     uint32 `json:"sent"`
	Received uint32 `json:"received"`
}

// String is the line with which VPP's own ping ends.
func (p Pinged) String() string {
	loss := 0.0
	if p.Sent > 0 && p.Received < p.Sent {
		loss = 100 * float64(p.Sent-p.Received) / float64(p.Sent)
	}
	return fmt.Sprintf("Statistics: %d sent, %d received, %.0f%% packet loss", p.Sent, p.Received, loss)
}

// Ping makes the VPP at an API socket send count echo requests, one an
// interval. While they are under way VPP answers no other API request.
func Ping(ctx context.Context, socket string, to netip.Addr, count uint32, interval time.Duration) (Pinged, error) {
	session, err := vpp.Connect(ctx, socket)
	if err != nil {
		return Pinged{}, err
	}
	defer session.Close()
	if session.Probe(ctx, &ping.WantPingFinishedEvents{}) != nil {
		return pingByCLI(ctx, session, to, count, interval)
	}
	return pingByMessage(ctx, session, to, count, interval)
}

var statistics = regexp.MustCompile(`Statistics: (\d+) sent, (\d+) received`)

// pingByCLI is for VPP before 23.10, which has no message for it.
func pingByCLI(ctx context.Context, session *vpp.Session, to netip.Addr, count uint32, interval time.Duration) (Pinged, error) {
	answer, err := session.CLI(ctx, fmt.Sprintf("ping %s repeat %d interval %g", to, count, interval.Seconds()))
	if err != nil {
		return Pinged{}, err
	}
	numbers := statistics.FindStringSubmatch(answer)
	if numbers == nil {
		return Pinged{}, fmt.Errorf("ping %s: VPP answers %q (is its ping plugin disabled in startup.conf?)", to, answer)
	}
	received, err := strconv.ParseUint(numbers[2], 10, 32)
	return Pinged{Sent: count, Received: uint32(received)}, err
}

func pingByMessage(ctx context.Context, session *vpp.Session, to netip.Addr, count uint32, interval time.Duration) (Pinged, error) {
	events, err := session.Conn().WatchEvent(ctx, &ping.PingFinishedEvent{})
	if err != nil {
		return Pinged{}, err
	}
	defer events.Close()
	_, err = ping.NewServiceClient(session.Conn()).WantPingFinishedEvents(ctx, &ping.WantPingFinishedEvents{
		Address: vpp.ToAddress(to), Repeat: count, Interval: interval.Seconds(),
	})
	if err != nil {
		return Pinged{}, fmt.Errorf("ping %s: %w", to, err)
	}
	event, ok := <-events.Events()
	if !ok {
		return Pinged{}, fmt.Errorf("ping %s: VPP did not say how it ended: %w", to, context.Cause(ctx))
	}
	done := event.(*ping.PingFinishedEvent)
	// VPP leaves out of the count what it had no route for.
	return Pinged{Sent: max(count, done.RequestCount), Received: done.ReplyCount}, nil
}
