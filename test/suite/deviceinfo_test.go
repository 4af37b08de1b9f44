package suite

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	nettypes "github.com/k8snetworkplumbingwg/network-attachment-definition-client/pkg/apis/k8s.cni.cncf.io/v1"

	"github.com/userspace-cni/userspace-cni/pkg/deviceinfo"
)

// deviceInfo is what a runtime adds for a network with the capability: a file
// for each attachment.
func (b *bench) deviceInfo() object {
	return object{
		"capabilities":  object{"CNIDeviceInfoFile": true},
		"runtimeConfig": object{"CNIDeviceInfoFile": filepath.Join(deviceinfo.Dir, b.deviceInfoPrefix()+perAttachment)},
	}
}

// deviceInfoPrefix is what the names of the bench's files begin with: the
// directory has those of all benches.
func (b *bench) deviceInfoPrefix() string {
	return strings.ReplaceAll(strings.TrimPrefix(b.dir, "/run/"), "/", "-") + "-"
}

// deviceInfoFiles are this bench's, and their drafts.
func (b *bench) deviceInfoFiles() []string {
	b.Helper()
	files, err := filepath.Glob(filepath.Join(deviceinfo.Dir, "*"+b.deviceInfoPrefix()+"*"))
	must(b, err)
	return files
}

// deviceInfoFile is the one that the attachment's calls name.
func (a attachment) deviceInfoFile() string {
	a.b.Helper()
	var conf struct {
		RuntimeConfig struct{ CNIDeviceInfoFile string }
	}
	must(a.b, json.Unmarshal(a.lab("ADD").Config, &conf))
	return conf.RuntimeConfig.CNIDeviceInfoFile
}

// readDeviceInfo reads the attachment's file by the types of the working group's
// library, which must know all of it; nil where there is no file.
func (a attachment) readDeviceInfo() *nettypes.DeviceInfo {
	a.b.Helper()
	data, err := os.ReadFile(a.deviceInfoFile())
	if os.IsNotExist(err) {
		return nil
	}
	must(a.b, err)
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	info := new(nettypes.DeviceInfo)
	must(a.b, decoder.Decode(info))
	return info
}

func (a attachment) wantDeviceInfo(when string, want *nettypes.DeviceInfo) {
	a.b.Helper()
	if got := a.readDeviceInfo(); !reflect.DeepEqual(got, want) {
		a.b.Errorf("%s: the device information is %+v, want %+v", when, spell(got), spell(want))
	}
}

func spell(info *nettypes.DeviceInfo) string {
	data, _ := json.Marshal(info)
	return string(data)
}

func memifInfo(role, mode, path string) *nettypes.DeviceInfo {
	return &nettypes.DeviceInfo{
		Type: nettypes.DeviceInfoTypeMemif, Version: nettypes.DeviceInfoVersion,
		Memif: &nettypes.MemifDevice{Role: role, Mode: mode, Path: path},
	}
}

func vhostInfo(mode, path string) *nettypes.DeviceInfo {
	return &nettypes.DeviceInfo{
		Type: nettypes.DeviceInfoTypeVHostUser, Version: nettypes.DeviceInfoVersion,
		VhostUser: &nettypes.VhostDevice{Mode: mode, Path: path},
	}
}

// deviceInfoCases are the kinds of endpoint and socket; %s stands for the
// directory as the pod sees it, socketless for a result without a socketPath.
var deviceInfoCases = map[string]struct {
	host       object
	want       *nettypes.DeviceInfo
	socketless bool
}{
	"host master":  {object{"memif": object{}}, memifInfo("slave", "ethernet", "%s/s.sock"), false},
	"host slave":   {object{"memif": object{"role": "slave"}}, memifInfo("master", "ethernet", "%s/s.sock"), false},
	"mode ip":      {object{"memif": object{"mode": "ip"}}, memifInfo("slave", "ip", "%s/s.sock"), false},
	"abstract":     {object{"memif": object{"socketType": "abstract"}}, memifInfo("slave", "ethernet", "@s.sock"), true},
	"vhost server": {object{"vhost": object{"mode": "server"}}, vhostInfo("client", "%s/s.sock"), false},
	"vhost client": {object{"vhost": object{"mode": "client"}}, vhostInfo("server", "%s/s.sock"), false},
}

// TestDeviceInfo has the runtime read what the pod's end is, for each kind of
// endpoint and socket: from the pod's view where it is known, else the host's.
// The result's socketPath is the host's.
func TestDeviceInfo(t *testing.T) {
	onEach(t, func(b *bench) {
		b.node(object{"allowHostSlave": true})
		cl := b.cluster()
		for name, c := range deviceInfoCases {
			conf := b.network("net", b.deviceInfo(), object{"host": withSocket(c.host, "s.sock")})
			a := b.attach(conf, "sandbox", "net1")
			a.describes(name, filepath.Join(b.sharedDir(), "sandbox"), filepath.Join(b.sharedDir(), "sandbox"), c.want, c.socketless)
			conf["kubeconfig"] = cl.kubeconfig
			a = b.attach(conf, "sandbox", "net1").asPod("u-1")
			a.describes(name+" in a volume", cl.volume, "/var/lib/cni/usrspcni", c.want, c.socketless)
		}
	})
}

// withSocket is the host's side with that kind of endpoint, on that socket.
func withSocket(kind object, socket string) object {
	side := object{"netType": "none"}
	for block, fields := range kind {
		side["iftype"] = map[string]string{"memif": "memif", "vhost": "vhostuser"}[block]
		named := maps.Clone(fields.(object))
		named["socketfile"] = socket
		side[block] = named
	}
	return side
}

// describes attaches and detaches, with the socket in a directory that is host
// on the host and pod in the pod.
func (a attachment) describes(what, host, pod string, want *nettypes.DeviceInfo, socketless bool) {
	a.b.Helper()
	socketPath := filepath.Join(host, "s.sock")
	if socketless {
		socketPath = ""
	}
	if got := a.add().Interfaces[0].SocketPath; got != socketPath {
		a.b.Errorf("%s: the result's socketPath is %q, want %q", what, got, socketPath)
	}
	if got := spell(a.readDeviceInfo()); got != strings.ReplaceAll(spell(want), "%s", pod) {
		a.b.Errorf("%s: the device information is %s, want %s with %s", what, got, spell(want), pod)
	}
	a.del()
	a.wantDeviceInfo(what+", after DEL", nil)
}

// TestDeviceInfoLife follows the file through what may happen to it.
func TestDeviceInfoLife(t *testing.T) {
	onEach(t, func(b *bench) {
		a := b.attach(b.network("net", b.deviceInfo(), object{"host": object{
			"iftype": "memif", "netType": "none", "memif": object{"socketfile": "s.sock"},
		}}), "sandbox", "net1")
		file, ours := a.deviceInfoFile(), memifInfo("slave", "ethernet", filepath.Join(b.sharedDir(), "sandbox", "s.sock"))
		const plugins = `{"type":"pci","version":"1.1.0","pci":{"pci-address":"0000:01:00.0"}}`
		put := func(text string) {
			b.Helper()
			must(b, os.WriteFile(file, []byte(text), 0o600))
		}
		put(plugins) // the runtime has copied it
		a.add()
		a.wantDeviceInfo("over a device plugin's", ours)
		b.rootsFile(file)
		for what, spoil := range map[string]func(){
			"missing":             func() { must(b, os.Remove(file)) },
			"another's":           func() { put(plugins) },
			"nonsense":            func() { put("{") },
			"a link in its place": func() { must(b, os.Remove(file)); must(b, os.Symlink("/dev/null", file)) },
		} {
			before := b.made(ours.Memif.Path)
			spoil()
			a.mustFail("CHECK", 102, "write "+file)
			b.says("check", 1, "write "+file)
			a.add()
			a.wantDeviceInfo(what+", after ADD again", ours)
			if err := a.call("CHECK").Error(); err != nil {
				b.Errorf("%s: CHECK: %v", what, err)
			}
			if after := b.made(ours.Memif.Path); after != before {
				b.Errorf("%s: ADD made the endpoint again, and the pod's traffic stopped", what)
			}
		}
		put(plugins)
		a.del()
		if data, err := os.ReadFile(file); err != nil || string(data) != plugins {
			b.Errorf("DEL took another's away: %s, %v", data, err)
		}
		must(b, os.Remove(file))
	})
}

// made is when the endpoint was made that listens on the socket.
func (b *bench) made(socket string) time.Time {
	b.Helper()
	info, err := os.Stat(socket)
	must(b, err)
	return info.ModTime()
}

// rootsFile asserts that everybody may read the file and only root change it.
func (b *bench) rootsFile(path string) {
	b.Helper()
	for at, want := range map[string]fs.FileMode{path: 0o644, filepath.Dir(path): fs.ModeDir | 0o755} {
		info, err := os.Stat(at)
		must(b, err)
		if owner := info.Sys().(*syscall.Stat_t); info.Mode() != want || owner.Uid != 0 || owner.Gid != 0 {
			b.Errorf("%s is %s of %d:%d, want %s of root", at, info.Mode(), owner.Uid, owner.Gid, want)
		}
	}
}

// TestDeviceInfoObstacles has the file's place taken by what can't be replaced,
// and no directory there under a narrow umask: ADD fails and leaves nothing, or
// makes it.
func TestDeviceInfoObstacles(t *testing.T) {
	b := newBench(t, engines[0])
	a := b.attach(b.network("net", b.deviceInfo(), b.hostLocal(1)), "sandbox", "net1")
	file := a.deviceInfoFile()
	must(b, os.MkdirAll(file, 0o755))
	a.mustFail("ADD", 5, file)
	must(b, os.Remove(file))
	b.nothingLeft()

	must(b, os.RemoveAll("/run/k8s.cni.cncf.io"))
	old := syscall.Umask(0o077)
	a.add()
	syscall.Umask(old)
	b.rootsFile(file)
	a.del()
	a.del()
}

// TestDeviceInfoElsewhere: whoever writes a network may put runtimeConfig into
// it, and root would write there.
func TestDeviceInfoElsewhere(t *testing.T) {
	b := newBench(t, engines[0])
	for _, path := range []string{
		filepath.Join(b.dir, "file"), "relative", deviceinfo.Dir, deviceinfo.Dir + "/../dp/file", deviceinfo.Dir + "/.hidden",
		deviceinfo.Dir + "/a/../b", filepath.Dir(deviceinfo.Dir) + "/dp/file",
	} {
		b.attach(b.network("net", b.hostLocal(1), runtimeConfig(object{"CNIDeviceInfoFile": path})), "sandbox", "net1").
			refused(path, 7, "runtimeConfig.CNIDeviceInfoFile", fmt.Sprintf("%q", path), deviceinfo.Dir)
	}
	// What only the runtime may say the pod's cni-args don't.
	a := b.attach(b.network("net", object{"args": object{"cni": object{"CNIDeviceInfoFile": deviceinfo.Dir + "/" + b.deviceInfoPrefix() + "args"}}}), "sandbox", "net1")
	a.add()
	if files := b.deviceInfoFiles(); len(files) != 0 {
		t.Errorf("the pod's cni-args made %v", files)
	}
	a.del()
}
