package vppsim

import (
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

func (s *Sim) cliInband(r *vlib.CliInband, reply *vlib.CliInbandReply) (err error) {
	reply.Reply, err = s.cli(r.Cmd)
	return err
}
