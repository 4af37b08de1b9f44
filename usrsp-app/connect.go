package usrspapp

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"time"

	"github.com/userspace-cni/userspace-cni/pkg/contract"
)

// connectors are programs that connect and leave, as images have them. VCL is a
// library with no protocol that we could speak by ourselves. A shell's /dev/tcp is
// none: it duplicates the descriptor, which the library can't.
var connectors = []struct {
	name string
	// args come before address and port.
	args []string
}{
	{"python3", []string{"-c", "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2]))).close()"}},
	{"perl", []string{"-MIO::Socket::IP", "-e", `IO::Socket::IP->new(PeerHost => $ARGV[0], PeerPort => $ARGV[1], Type => Socket::SOCK_STREAM) or die "$@\n"`}},
	{"nc", []string{"-z"}},
}

// connect opens a TCP connection over VCL by a program that is in the image.
func (a *App) connect(ctx context.Context, entries []contract.Entry, options HealthOptions) error {
	entry, err := oneVCL(entries, "")
	if err != nil {
		return err
	}
	library, err := findLibrary(options.Library)
	if err != nil {
		return err
	}
	environment, err := a.vclEnvironment(entry, library, VCLOptions{})
	if err != nil {
		return err
	}
	cmd, err := connector(ctx, options.Connect)
	if err != nil {
		return err
	}
	cmd.Env = environment.over(os.Environ())
	var said bytes.Buffer
	cmd.Stderr = &said
	cmd.WaitDelay = 100 * time.Millisecond // for whoever else has the pipe open
	err = cmd.Run()
	if ctx.Err() != nil {
		return fmt.Errorf("nothing within %s", options.Within)
	}
	if err != nil {
		return fmt.Errorf("%w: %.200s", err, said.String())
	}
	return nil
}

func connector(ctx context.Context, to netip.AddrPort) (*exec.Cmd, error) {
	for _, c := range connectors {
		if path, err := exec.LookPath(c.name); err == nil {
			args := slices.Concat(c.args, []string{to.Addr().String(), fmt.Sprint(to.Port())})
			return exec.CommandContext(ctx, path, args...), nil
		}
	}
	return nil, errors.New("--connect needs python3, perl or nc in the image: none is there")
}
