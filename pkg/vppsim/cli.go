package vppsim

import (
	"fmt"
	"strings"
	"time"

	"go.fd.io/govpp/api"
	"go.fd.io/govpp/binapi/memclnt"
	"go.fd.io/govpp/binapi/vlib"
	"go.fd.io/govpp/binapi/vpe"
)

// Version is what show_version answers.
const Version = "26.06-vppsim"

func (s *Sim) controlPing(_ *memclnt.ControlPing, _ *memclnt.ControlPingReply) error { return nil }

func (s *Sim) showVersion(_ *vpe.ShowVersion, reply *vpe.ShowVersionReply) error {
	reply.Program, reply.Version = "vpe", Version
	return nil
}

// cliInband answers the commands of the debug CLI that programs here use, as far as
// they read them (show_memif_cmd_fn, show_vpe_version_command_fn, show_clock_command_fn,
// and the functions of the files that answer for the rest).
func (s *Sim) cliInband(r *vlib.CliInband, reply *vlib.CliInbandReply) (err error) {
	words := strings.Fields(r.Cmd)
	switch strings.Join(words, " ") {
	case "show version":
		reply.Reply = fmt.Sprintf("vpp v%s built by nobody on a simulator\n", Version)
		return nil
	case "show clock":
		reply.Reply = fmt.Sprintf("Time now %.6f, %s\n", time.Since(s.started).Seconds(), time.Now().UTC().Format(time.UnixDate))
		return nil
	case "show app":
		reply.Reply, err = s.showApplications()
		return err
	case "show session":
		reply.Reply, err = s.showSession()
		return err
	}
	if len(words) >= 3 && words[0] == "show" && words[1] == "app" && words[2] == "ns" {
		reply.Reply, err = s.showNamespaces(words[3:])
		return err
	}
	if len(words) == 4 && words[0] == "show" && words[1] == "interface" && words[2] == "features" {
		for i := range s.interfaces.all() {
			if i.name == words[3] {
				reply.Reply = i.showFeatures()
				return nil
			}
		}
	}
	if len(words) == 3 && words[0] == "show" && words[1] == "memif" {
		for i := range s.interfaces.all() {
			if i.memif != nil && i.name == words[2] {
				reply.Reply = i.showMemif()
				return nil
			}
		}
	}
	reply.Reply = fmt.Sprintf("unknown input `%s'\n", r.Cmd)
	return api.UNSPECIFIED
}

func (i *iface) showMemif() string {
	st := i.memif.endpoint.Status()
	lines := "interface " + i.name + "\n"
	if st.RemoteName != "" {
		lines += fmt.Sprintf("  remote-name %q\n", st.RemoteName)
	}
	if st.RemoteIf != "" {
		lines += fmt.Sprintf("  remote-interface %q\n", st.RemoteIf)
	}
	return lines + fmt.Sprintf("  socket-id %d id %d\n", i.memif.socketID, i.memif.id)
}
