package vppsim

import (
	"fmt"
	"slices"
	"strings"

	"go.fd.io/govpp/api"
)

// showSession is show_session_command_fn in src/vnet/session/session_cli.c.
func (s *Sim) showSession() (string, error) {
	if !s.session.enabled {
		return "show session: session layer is not enabled\n", api.UNSPECIFIED
	}
	return "Thread 0: no sessions\n", nil
}

// showNamespaces is show_app_ns_fn in src/vnet/session/application_namespace.c, with
// the words after "show app ns".
func (s *Sim) showNamespaces(words []string) (string, error) {
	switch {
	case !s.session.enabled:
		return "show app: session layer is not enabled\n", api.UNSPECIFIED
	case len(words) == 0:
		return s.namespaceTable(), nil
	case len(words) == 2 && words[0] == "id":
		return s.showNamespace(words[1]), nil
	case len(words) == 3 && words[0] == "id" && words[2] == "api-clients":
		return s.showAPIClients(words[1]), nil
	}
	return fmt.Sprintf("unknown input [`%s']\n", strings.Join(words, " ")), nil
}

// namespaceTable has colours even for those who ask over the API.
func (s *Sim) namespaceTable() string {
	rows := [][]string{{"Index", "Secret", "Interface", "Id", "Socket"}}
	for n := range s.session.namespaces.all() {
		rows = append(rows, []string{
			fmt.Sprint(n.index), fmt.Sprint(n.secret), s.interfaceName(n.swIfIndex), n.id, n.socketText(),
		})
	}
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for column, text := range row {
			widths[column] = max(widths[column], len(text))
		}
	}
	const yellow, reset = "\x1b[33m", "\x1b[0m"
	var lines strings.Builder
	for line, row := range rows {
		colour := ""
		if line == 0 {
			colour = yellow
		}
		for column, text := range row {
			row[column] = fmt.Sprintf("%s%-*s%s", colour, widths[column], text, reset)
		}
		lines.WriteString(strings.Join(row, " ") + "\n")
	}
	return lines.String()
}

// socketText is what VPP prints where there is no string.
func (n *namespace) socketText() string {
	if n.socket == "" {
		return "(nil)"
	}
	return n.socket
}

func (s *Sim) interfaceName(index uint32) string {
	if i := s.interfaces.at(index); i != nil {
		return i.name
	}
	return fmt.Sprintf("DELETED (%d)", index)
}

func (s *Sim) showNamespace(id string) string {
	n := s.namespace(id)
	if n == nil {
		return fmt.Sprintf("ns %s not found\n", id)
	}
	text := fmt.Sprintf("Application namespace [%d]\nid:        %s\nsecret:    %d\n", n.index, n.id, n.secret)
	if n.swIfIndex != noIndex {
		text += fmt.Sprintf("Interface: %s\n", s.interfaceName(n.swIfIndex))
	}
	if n.socket != "" {
		text += fmt.Sprintf("Socket:    %s\n", n.socket)
	}
	return text + fmt.Sprintf("%-30s%-30s\n", "Listener", "Application")
}

// showAPIClients is app_namespace_show_api, which doesn't look whether there is such
// a namespace: VPP dies of one that isn't there.
func (s *Sim) showAPIClients(id string) string {
	n := s.namespace(id)
	switch {
	case s.session.noSocketAPI:
		return "app socket api not enabled!\n"
	case n == nil:
		s.die("the clients of an absent application namespace were asked for")
		return ""
	}
	lines := fmt.Sprintf("socket: %s\n", n.socket)
	sockets := slices.Collect(n.sockets.all())
	if len(sockets) > 0 {
		lines += fmt.Sprintf("%12s%12s%5s\n", "app index", "wrk index", "fd")
	}
	for _, sock := range sockets {
		app, worker := -1, -1
		if sock.app != noIndex {
			app, worker = int(sock.app), 0
		}
		lines += fmt.Sprintf("%12d%12d%5d\n", app, worker, sock.fd())
	}
	return lines
}

// showApplications is show_app_command_fn in src/vnet/session/application.c. The names
// that applications give themselves are not kept.
func (s *Sim) showApplications() (string, error) {
	if !s.session.enabled {
		return "show app: session layer is not enabled\n", api.UNSPECIFIED
	}
	lines := fmt.Sprintf("%-10s%-20s%-40s\n", "Index", "Name", "Namespace")
	for n := range s.session.namespaces.all() {
		for sock := range n.sockets.all() {
			if sock.app != noIndex {
				lines += fmt.Sprintf("%-10d%-20s%-40s\n", sock.app, "application", n.id)
			}
		}
	}
	return lines, nil
}
