package vpp

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"go.fd.io/govpp/api"
)

// AppNamespace is an application namespace of VPP's session layer.
type AppNamespace struct {
	ID string
	// Interface is its interface's name, or "DELETED" and maybe " (INDEX)" where it
	// has none, or none any more.
	Interface string
	// Socket is in VPP's notation, and empty without one.
	Socket string
}

// AppNamespaces returns the application namespaces by their ids; none while the
// session layer is off. VPP's API has no dump of them. An id must hold no space.
func (s *Session) AppNamespaces(ctx context.Context) (map[string]AppNamespace, error) {
	return Once(ctx, s, "app namespaces", func(ctx context.Context, s *Session) (map[string]AppNamespace, error) {
		answer, err := s.CLI(ctx, "show app ns")
		// session_cli_return_if_not_enabled in src/vnet/session/session.h
		if code := api.VPPApiError(0); errors.As(err, &code) && strings.Contains(answer, "session layer is not enabled") {
			return map[string]AppNamespace{}, nil
		}
		if err != nil {
			return nil, err
		}
		return parseAppNamespaces(answer)
	})
}

// plain takes out the colours that format_table in src/vppinfra/format_table.c puts
// around each cell, whoever asks.
func plain(text string) string {
	var out strings.Builder
	for {
		before, colour, found := strings.Cut(text, "\x1b[")
		out.WriteString(before)
		if !found {
			return out.String()
		}
		_, text, _ = strings.Cut(colour, "m")
	}
}

// parseAppNamespaces reads the table of show_app_ns_fn in
// src/vnet/session/application_namespace.c. Columns begin where their headings do:
// a cell may be empty or hold spaces.
func parseAppNamespaces(table string) (map[string]AppNamespace, error) {
	table = strings.ReplaceAll(plain(table), "\r", "")
	head, rows, _ := strings.Cut(table, "\n")
	var at []int
	for _, heading := range []string{"Interface", " Id ", " Socket"} {
		column := strings.Index(head, heading)
		if column < 0 {
			return nil, fmt.Errorf("VPP answered %q to show app ns", table)
		}
		at = append(at, column)
	}
	namespaces := map[string]AppNamespace{}
	for row := range strings.Lines(rows) {
		row = strings.TrimRight(row, "\n")
		if len(row) <= at[2] {
			if strings.TrimSpace(row) == "" {
				continue
			}
			return nil, fmt.Errorf("VPP answered %q to show app ns", table)
		}
		n := AppNamespace{
			ID: strings.TrimSpace(row[at[1]:at[2]]), Interface: strings.TrimSpace(row[at[0]:at[1]]),
			Socket: strings.TrimSpace(row[at[2]:]),
		}
		if n.Socket == "(nil)" { // VPP's format of no string
			n.Socket = ""
		}
		namespaces[n.ID] = n
	}
	return namespaces, nil
}
