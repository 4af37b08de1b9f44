package usrspapp

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/userspace-cni/userspace-cni/cnivpp"
)

// lookTimeout bounds looking at VPP.
const lookTimeout = 10 * time.Second

// Show writes what the container's VPP has: a table, or JSON.
func (a *App) Show(ctx context.Context, out io.Writer, asJSON bool) error {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	all, err := cnivpp.Show(ctx, a.VPPAPISocket)
	if err != nil {
		return err
	}
	if asJSON {
		encoder := json.NewEncoder(out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(all)
	}
	return table(out, all)
}

func table(out io.Writer, all []cnivpp.Shown) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "INTERFACE\tSTATE\tLINK\tMTU\tMAC\tADDRESSES\tPEER")
	for _, s := range all {
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%s\t%s\t%s\n",
			s.Name, upOrDown(s.Up), upOrDown(s.Link), s.MTU, s.MAC, join(s.Addresses), orDash(s.Peer))
	}
	return w.Flush()
}

func upOrDown(up bool) string {
	if up {
		return "up"
	}
	return "down"
}

func join(prefixes []netip.Prefix) string {
	words := make([]string, len(prefixes))
	for i, prefix := range prefixes {
		words[i] = prefix.String()
	}
	return orDash(strings.Join(words, ","))
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}
