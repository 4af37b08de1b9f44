package suite

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"go.fd.io/govpp/binapi/l2"
	"go.fd.io/govpp/binapi/memif"

	"github.com/userspace-cni/userspace-cni/cnivpp/vpp"
	"github.com/userspace-cni/userspace-cni/test/lab"
)

// TestObstacles puts things where the plugin wants its socket.
func TestObstacles(t *testing.T) {
	cases := map[string]struct {
		plant   func(b *bench, path string)
		refused string // what the error says; empty: the thing is replaced
	}{
		"a file":        {plantFile, "is not a socket"},
		"a directory":   {func(b *bench, path string) { must(b, os.Mkdir(path, 0o755)) }, "is not a socket"},
		"a FIFO":        {func(b *bench, path string) { must(b, syscall.Mkfifo(path, 0o600)) }, "is not a socket"},
		"a symlink":     {func(b *bench, path string) { must(b, os.Symlink("/etc/hostname", path)) }, "is not a socket"},
		"a dead socket": {func(b *bench, path string) { listen(b, path).Close() }, ""},
		"a live socket": {func(b *bench, path string) { b.Cleanup(closer(listen(b, path))) }, "somebody listens"},
		"a stream socket": {func(b *bench, path string) {
			l, err := net.Listen("unix", path)
			must(b, err)
			b.Cleanup(closer(l))
		}, "somebody listens"},
	}
	onEach(t, func(b *bench) {
		for name, c := range cases {
			a := b.attach(b.network("net", b.hostLocal(1), object{"host": object{
				"iftype": "memif", "netType": "bridge", "bridge": object{"bridgeId": 4},
				"memif": object{"socketfile": "ours.sock"},
			}}), "obstructed", "net1")
			dir := filepath.Join(b.sharedDir(), "obstructed")
			path := filepath.Join(dir, "ours.sock")
			must(b, os.MkdirAll(dir, 0o755))
			c.plant(b, path)
			if c.refused == "" {
				a.add()
				a.del()
			} else {
				a.mustFail("ADD", 5, path, c.refused)
				if _, err := os.Lstat(path); err != nil {
					b.Errorf("%s was removed", name)
				}
				must(b, os.RemoveAll(dir))
			}
			if left := b.left(); left != "" {
				b.Errorf("%s: left behind:\n%s", name, left)
			}
		}
	})
}

func plantFile(b *bench, path string) { must(b, os.WriteFile(path, []byte("mine"), 0o644)) }

func listen(b *bench, path string) *net.UnixListener {
	l, err := net.ListenUnix("unixpacket", &net.UnixAddr{Net: "unixpacket", Name: path})
	must(b, err)
	l.SetUnlinkOnClose(false)
	return l
}

func closer(l net.Listener) func() { return func() { l.Close() } }

// admin is a session in which the test does what an administrator might.
func (b *bench) admin(do func(ctx context.Context, s *vpp.Session) error) {
	b.Helper()
	b.adminOf(b.host, do)
}

// adminOf does something on some VPP.
func (b *bench) adminOf(on *lab.VPP, do func(ctx context.Context, s *vpp.Session) error) {
	b.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	s, err := vpp.Connect(ctx, on.APISocket)
	must(b, err)
	defer s.Close()
	must(b, do(ctx, s))
}

// TestForeignBridge joins a bridge domain that somebody else made, and leaves
// it there.
func TestForeignBridge(t *testing.T) {
	onEach(t, func(b *bench) {
		domain := func(add bool) {
			b.admin(func(ctx context.Context, s *vpp.Session) error {
				_, err := l2.NewServiceClient(s.Conn()).BridgeDomainAddDelV2(ctx, &l2.BridgeDomainAddDelV2{
					IsAdd: add, BdID: 4, BdTag: "the administrator's", Learn: true, Forward: true, Flood: true, UuFlood: true,
				})
				return err
			})
		}
		domain(true)
		before := b.left()
		a := b.attach(b.network("net"), "guest", "net1")
		a.add()
		a.del()
		if after := b.left(); after != before {
			b.Errorf("the foreign bridge changed:\n%s\n%s", before, after)
		}
		domain(false)
	})
}

// TestTakenNumber finds the number that the plugin would choose in use for
// somebody else's socket: it takes the next, and leaves the other alone.
func TestTakenNumber(t *testing.T) {
	onEach(t, func(b *bench) {
		a := b.attach(b.network("net", b.hostLocal(1)), "second", "net1")
		a.add()
		id := b.onlyMemif()
		a.del()
		socket := func(add bool) {
			b.admin(func(ctx context.Context, s *vpp.Session) error {
				_, err := memif.NewServiceClient(s.Conn()).MemifSocketFilenameAddDelV2(ctx, &memif.MemifSocketFilenameAddDelV2{
					IsAdd: add, SocketID: id, SocketFilename: filepath.Join(b.dir, "foreign.sock"),
				})
				return err
			})
		}
		socket(true)
		before := b.left()
		a.add()
		if now := b.onlyMemif(); now != id+1 {
			b.Errorf("the number is %d, want %d, the one after the taken", now, id+1)
		}
		a.del()
		if after := b.left(); after != before {
			b.Errorf("the foreign socket changed:\n%s\n%s", before, after)
		}
		socket(false)
	})
}

// onlyMemif returns the socket id of the one memif on the host.
func (b *bench) onlyMemif() uint32 {
	b.Helper()
	var ids []uint32
	b.admin(func(ctx context.Context, s *vpp.Session) error {
		dump, err := memif.NewServiceClient(s.Conn()).MemifDump(ctx, &memif.MemifDump{})
		if err != nil {
			return err
		}
		return vpp.Drain(dump.Recv, func(d *memif.MemifDetails) { ids = append(ids, d.SocketID) })
	})
	if len(ids) != 1 {
		b.Fatalf("memif interfaces have socket ids %v, want one", ids)
	}
	return ids[0]
}
