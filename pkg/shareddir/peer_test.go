package shareddir

import (
	"net"
	"os"
	"path/filepath"
	"testing"
)

// TestRemovePeers removes a socket that somebody listens on from a directory of
// ours, not from a volume, and nothing but sockets.
func TestRemovePeers(t *testing.T) {
	for _, volume := range []bool{false, true} {
		base, err := os.MkdirTemp("/tmp", "rp") // short enough for a socket
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(base)
		d := Dir{Path: filepath.Join(base, "dir"), Link: filepath.Join(base, "link"), Volume: volume}
		for _, err := range []error{os.Mkdir(d.Path, 0o755), d.EnsureLink(), os.WriteFile(filepath.Join(d.Path, "file"), nil, 0o644)} {
			if err != nil {
				t.Fatal(err)
			}
		}
		listener, err := net.ListenUnix("unixpacket", &net.UnixAddr{Net: "unixpacket", Name: d.Socket("socket")})
		if err != nil {
			t.Fatal(err)
		}
		listener.SetUnlinkOnClose(false)
		if err := d.RemovePeers("socket", "file", "missing"); err != nil {
			t.Error(err)
		}
		listener.Close()
		for name, want := range map[string]bool{"dir/socket": volume, "dir/file": true, "link": false} {
			if _, err := os.Lstat(filepath.Join(base, name)); (err == nil) != want {
				t.Errorf("volume %t: %s is there: %t, want %t", volume, name, err == nil, want)
			}
		}
	}
	if err := (Dir{Path: "/nowhere/at/all"}).RemovePeers("socket"); err != nil {
		t.Error(err)
	}
}
