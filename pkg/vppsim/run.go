package vppsim

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
)

// apiSocketMode is what VPP's umask(S_IWOTH) leaves (clib_socket_init).
const apiSocketMode = 0o775

// Run serves on Options.APISocket and removes it at the end, except after
// ErrDied.
func (s *Sim) Run(ctx context.Context) error {
	ln, err := listen(s.opts.APISocket)
	if err != nil {
		return fmt.Errorf("API socket %s: %w", s.opts.APISocket, err)
	}
	err = s.Serve(ctx, ln)
	if errors.Is(err, ErrDied) {
		return err
	}
	return errors.Join(err, removeSocket(s.opts.APISocket))
}

// listen makes the socket under another name first: whoever sees the real one
// can connect. A stale socket is replaced, as by VPP.
func listen(path string) (*net.UnixListener, error) {
	if conn, err := net.Dial("unix", path); err == nil {
		_ = conn.Close()
		return nil, errors.New("somebody listens there already")
	}
	tmp := filepath.Join(filepath.Dir(path), "."+strconv.Itoa(os.Getpid()))
	ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: tmp, Net: "unix"})
	if err != nil {
		return nil, err
	}
	ln.SetUnlinkOnClose(false)
	err = errors.Join(os.Chmod(tmp, apiSocketMode), removeSocket(path))
	if err == nil {
		err = os.Rename(tmp, path)
	}
	if err != nil {
		return nil, errors.Join(err, ln.Close(), os.Remove(tmp))
	}
	return ln, nil
}

func removeSocket(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil && info.Mode()&fs.ModeSocket == 0 {
		err = errors.New("not a socket")
	}
	if err == nil {
		err = os.Remove(path)
	}
	return err
}
