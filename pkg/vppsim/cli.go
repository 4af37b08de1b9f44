package vppsim

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.fd.io/govpp/api"

	"github.com/userspace-cni/userspace-cni/pkg/vppsim/memif"
)

// cli answers the debug CLI's commands that programs here use, in VPP's words
// (src/plugins/memif/cli.c).
func (s *Sim) cli(command string) (string, error) {
	words := strings.Fields(command)
	switch {
	case len(words) >= 2 && words[0] == "show" && words[1] == "version":
		return fmt.Sprintf("vpp v%s built by vppsim, a simulator\n", Version), nil
	case len(words) >= 2 && words[0] == "show" && words[1] == "memif":
		return s.showMemif(words[2:])
	}
	if len(words) > 1 && words[0] == "show" {
		return unknownInput("show: ", words[1:])
	}
	return unknownInput("", words)
}

func unknownInput(prefix string, words []string) (string, error) {
	return fmt.Sprintf("%sunknown input `%s'\n", prefix, strings.Join(words, " ")), api.UNSPECIFIED
}

func (s *Sim) showMemif(names []string) (string, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "sockets\n  %-3s %-11s %s\n", "id", "listener", "filename")
	for _, id := range slices.Sorted(maps.Keys(s.sockets)) {
		sock := s.sockets[id]
		listener := "no"
		if sock.master {
			listener = fmt.Sprintf("yes (%d)", sock.refs)
		}
		fmt.Fprintf(&b, "  %-3d %-11s %s\n", id, listener, sock.filename)
	}
	b.WriteString("\n")
	found := 0
	for i := range s.interfaces.all() {
		if i.memif != nil && (len(names) == 0 || slices.Contains(names, i.name)) {
			i.showMemif(&b)
			found++
		}
	}
	if found < len(names) {
		return unknownInput("show memif: ", names)
	}
	return b.String(), nil
}

func (i *iface) showMemif(b *strings.Builder) {
	st := i.memif.endpoint.Status()
	mode := "ethernet"
	if i.memif.mode == memif.IP {
		mode = "ip"
	}
	fmt.Fprintf(b, "interface %s\n", i.name)
	showText(b, "remote-name", st.RemoteName)
	showText(b, "remote-interface", st.RemoteIf)
	fmt.Fprintf(b, "  socket-id %d id %d mode %s\n", i.memif.socketID, i.memif.id, mode)
	fmt.Fprintf(b, "  flags%s\n", i.memifFlags(st))
	// The descriptors' numbers mean nothing outside of VPP; here 0 is none.
	fmt.Fprintf(b, "  listener-fd %d conn-fd %d\n", number(i.memif.socket.listener != nil), number(st.Connected))
	fmt.Fprintf(b, "  num-s2m-rings %d num-m2s-rings %d buffer-size %d num-regions %d\n",
		st.S2MRings, st.M2SRings, st.BufferSize, st.Regions)
	showText(b, "local-disc-reason", st.LocalReason)
	showText(b, "remote-disc-reason", st.RemoteReason)
}

func showText(b *strings.Builder, name, value string) {
	if value != "" {
		fmt.Fprintf(b, "  %s \"%s\"\n", name, value)
	}
}

func (i *iface) memifFlags(st memif.Status) (flags string) {
	for _, f := range []struct {
		set  bool
		name string
	}{
		{i.adminUp, "admin-up"},
		{st.Role == memif.Slave, "slave"},
		{st.Connected, "connected"},
		{i.memif.zeroCopy, "zero-copy"},
	} {
		if f.set {
			flags += " " + f.name
		}
	}
	return flags
}

func number(b bool) int {
	if b {
		return 1
	}
	return 0
}
