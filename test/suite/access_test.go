package suite

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/userspace-cni/userspace-cni/pkg/shareddir"
)

// connectAs connects to a socket as an ordinary user, in groups of his own.
func connectAs(path string, uid, gid int, groups ...uint32) error {
	return asUser(uid, gid, groups, func() error {
		fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		return unix.Connect(fd, &unix.SockaddrUnix{Name: path})
	})
}

// asUser runs a function on a thread that has given up being root, and ends
// with it.
func asUser(uid, gid int, groups []uint32, do func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread must not be used again
		for _, call := range [][4]uintptr{
			{unix.SYS_SETGROUPS, uintptr(len(groups)), uintptr(unsafe.Pointer(unsafe.SliceData(groups)))},
			{unix.SYS_SETRESGID, uintptr(gid), uintptr(gid), uintptr(gid)},
			{unix.SYS_SETRESUID, uintptr(uid), uintptr(uid), uintptr(uid)},
		} {
			if _, _, errno := unix.RawSyscall(call[0], call[1], call[2], call[3]); errno != 0 {
				done <- fmt.Errorf("become user %d: %w", uid, errno)
				return
			}
		}
		done <- do()
	}()
	return <-done
}

// needRoot skips what needs more users than an ordinary one has.
func needRoot(t *testing.T) {
	t.Helper()
	data, err := os.ReadFile("/proc/self/uid_map")
	if err != nil {
		t.Fatal(err)
	}
	if fields := strings.Fields(string(data)); len(fields) != 3 || fields[2] == "1" {
		t.Skip("needs several users: run the tests as root")
	}
}

// userPod is the cluster's pod with the given spec beside its container and its
// volume.
func (c *cluster) userPod(spec, containers string) {
	c.Put(fmt.Sprintf(`{"metadata":{"namespace":"default","name":"web","uid":"u-1"},
		"spec":{"nodeName":"node","volumes":[{"name":"shared-dir","hostPath":{"path":%q}}],%s"containers":[%s]}}`, c.volume, spec, containers))
}

const (
	mounts    = `"volumeMounts":[{"name":"shared-dir","mountPath":"/usrsp"}]`
	container = `{"name":"vpp",` + mounts + `}`
)

// socketCase is a way to say who may use the socket.
type socketCase struct {
	memif            object
	spec, containers string // the pod's; empty containers: no API server
	volumeGroup      int
	want             shareddir.Access
}

var socketCases = map[string]socketCase{
	"nothing said": {want: shareddir.Access{Mode: 0o660}},
	"network":      {memif: object{"socketOwner": "1234", "socketGroup": "daemon", "socketMode": "600"}, want: shareddir.Access{UID: 1234, GID: 1, Mode: 0o600}},
	"network before pod": {
		memif: object{"socketOwner": "1234", "socketGroup": "777"},
		spec:  `"securityContext":{"runAsUser":7,"fsGroup":9},`, containers: container, want: shareddir.Access{UID: 1234, GID: 777, Mode: 0o660},
	},
	"pod": {
		spec: `"securityContext":{"runAsUser":1234,"runAsGroup":777,"runAsNonRoot":true},`, containers: container,
		want: shareddir.Access{UID: 1234, GID: 777, Mode: 0o660},
	},
	"fsGroup": {
		spec: `"securityContext":{"runAsUser":1234,"runAsGroup":5,"fsGroup":777},`, containers: container,
		want: shareddir.Access{UID: 1234, GID: 777, Mode: 0o660},
	},
	"container": {
		spec: `"securityContext":{"runAsUser":0},`, containers: container + `,{"name":"app","securityContext":{"runAsUser":1234,"runAsGroup":777},` + mounts + `}`,
		want: shareddir.Access{UID: 1234, GID: 777, Mode: 0o660},
	},
	"volume's group": {
		spec: `"securityContext":{"runAsNonRoot":true},`, containers: container, volumeGroup: 777,
		want: shareddir.Access{GID: 777, Mode: 0o660},
	},
}

// TestSocketAccess lets the pod's user connect to the socket and read a contract
// with a secret, and nobody else.
func TestSocketAccess(t *testing.T) {
	needRoot(t)
	onEach(t, func(b *bench) {
		must(b, os.Chmod(b.dir, 0o711))
		for name, test := range socketCases {
			b.Run(name, func(t *testing.T) {
				a, dir := test.attach(b)
				a.add()
				sockets, _ := filepath.Glob(filepath.Join(dir, "*.sock"))
				files, _ := filepath.Glob(filepath.Join(dir, "configData-*.json"))
				if len(sockets) != 1 || len(files) != 1 {
					t.Fatalf("sockets %v, contracts %v", sockets, files)
				}
				test.verify(t, sockets[0], files[0])
				if err := a.call("CHECK").Error(); err != nil {
					t.Errorf("CHECK: %v", err)
				}
				must(b, os.Chmod(sockets[0], 0o666))
				a.mustFail("CHECK", 102, sockets[0], test.want.String())
				a.add()
				if err := a.call("CHECK").Error(); err != nil {
					t.Errorf("CHECK after another ADD: %v", err)
				}
				a.del()
			})
		}
	})
}

// attach makes the case's attachment, and tells which directory it shares.
func (s socketCase) attach(b *bench) (attachment, string) {
	memif := object{"secret": "hush"}
	for field, value := range s.memif {
		memif[field] = value
	}
	change := object{"host": object{"engine": "vpp", "iftype": "memif", "netType": "bridge", "bridge": object{"bridgeId": 4}, "memif": memif}}
	if s.containers == "" {
		return b.attach(b.network("net", change), "sandbox", "net1"), filepath.Join(b.sharedDir(), "sandbox")
	}
	c := b.cluster()
	c.userPod(s.spec, s.containers)
	must(b, os.MkdirAll(c.volume, 0o755))
	must(b, os.Chown(c.volume, 0, s.volumeGroup))
	return b.attach(b.network("net", change, object{"kubeconfig": c.kubeconfig}), "sandbox", "net1").asPod("u-1"), c.volume
}

func (s socketCase) verify(t *testing.T, socket, file string) {
	t.Helper()
	info, err := os.Stat(socket)
	if err != nil {
		t.Fatal(err)
	}
	stat := info.Sys().(*syscall.Stat_t)
	if got := (shareddir.Access{UID: int(stat.Uid), GID: int(stat.Gid), Mode: info.Mode().Perm()}); got != s.want {
		t.Errorf("the socket is %s, want %s", got, s.want)
	}
	open := func() error {
		_, err := os.ReadFile(file)
		return err
	}
	for _, user := range []struct {
		uid, gid int
		groups   []uint32
	}{{s.want.UID, 31, nil}, {4000, 31, []uint32{uint32(s.want.GID)}}, {4000, 31, nil}} {
		owner := user.uid == s.want.UID && s.want.Mode&0o200 != 0
		member := len(user.groups) > 0 && s.want.Mode&0o020 != 0
		may := owner || member
		if err := connectAs(socket, user.uid, user.gid, user.groups...); may != (err == nil) || (!may && !errors.Is(err, syscall.EACCES)) {
			t.Errorf("user %d in %v connects: %v, want %t", user.uid, user.groups, err, may)
		}
		if err := asUser(user.uid, user.gid, user.groups, open); may != (err == nil) {
			t.Errorf("user %d in %v reads the contract: %v, want %t", user.uid, user.groups, err, may)
		}
	}
}

// TestUnknownUsers refuses what nobody in the pod could connect to, and changes
// nothing.
func TestUnknownUsers(t *testing.T) {
	b := newBench(t, engines[0])
	c := b.cluster()
	c.userPod(`"securityContext":{"runAsNonRoot":true},`, container)
	b.attach(b.network("net", object{"kubeconfig": c.kubeconfig}), "sandbox", "net1").asPod("u-1").
		mustFail("ADD", 7, "host.memif.socketOwner", "runAsNonRoot", "fsGroup")
	for field, value := range map[string]string{"socketOwner": "no-such-user", "socketGroup": "no-such-group"} {
		conf := b.network("net", object{"host": object{"engine": "vpp", "iftype": "memif", "netType": "none", "memif": object{field: value}}})
		b.attach(conf, "sandbox", "net1").mustFail("ADD", 7, "host.memif."+field, value, "/etc/passwd")
	}
	if left := b.left(); left != "" {
		t.Errorf("left behind:\n%s", left)
	}
}
