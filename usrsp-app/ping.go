package usrspapp

import (
	"context"
	"fmt"
	"io"
	"net/netip"
	"time"

	"github.com/userspace-cni/userspace-cni/cnivpp"
)

// PingOptions say how to ping.
type PingOptions struct {
	Count    uint32
	Interval time.Duration
	// Settle is the longest wait for a first reply, which isn't counted.
	Settle time.Duration
}

// Ping pings from the container's VPP and writes VPP's own closing line. No
// reply at all is an error.
func (a *App) Ping(ctx context.Context, out io.Writer, to netip.Addr, options PingOptions) error {
	if options.Count == 0 || options.Interval <= 0 {
		return fmt.Errorf("--count %d --interval %s is not allowed; allowed: both above zero", options.Count, options.Interval)
	}
	if err := a.settle(ctx, to, options); err != nil {
		return err
	}
	done, err := a.ping(ctx, to, options.Count, options.Interval)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "PING %s\n%s\n", to, done)
	if done.Received == 0 {
		return fmt.Errorf("%s does not answer", to)
	}
	return nil
}

// settle sends single requests until one is answered or the time is up; the
// counted ones then tell.
func (a *App) settle(ctx context.Context, to netip.Addr, options PingOptions) error {
	until := time.Now().Add(options.Settle)
	for time.Now().Before(until) {
		done, err := a.ping(ctx, to, 1, options.Interval)
		if err != nil {
			return err
		}
		if done.Received > 0 {
			return nil
		}
		if !pause(ctx, pollInterval) {
			return context.Cause(ctx)
		}
	}
	return nil
}

func (a *App) ping(ctx context.Context, to netip.Addr, count uint32, interval time.Duration) (cnivpp.Pinged, error) {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout+time.Duration(count)*interval)
	defer cancel()
	return cnivpp.Ping(ctx, a.VPPAPISocket, to, count, interval)
}
