package suite

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
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

// TestDeviceInfo has the runtime read what the pod's end is, for each kind of
// endpoint and socket: from the pod's view where it is known, else the host's.
func TestDeviceInfo(t *testing.T) {
	host := func(netType string, memif object) object {
		side := object{"iftype": "memif", "netType": netType, "memif": memif}
		return object{"host": side}
	}
	onEach(t, func(b *bench) {
		b.node(object{"allowHostSlave": true})
		shared := filepath.Join(b.sharedDir(), "sandbox", "s.sock")
		for name, c := range map[string]struct {
			conf       object
			api        bool
			want       *nettypes.DeviceInfo
			socketPath string // in the result
		}{
			"host master": {host("none", object{"socketfile": "s.sock"}), false, memifInfo("slave", "ethernet", shared), shared},
			"host slave":  {host("none", object{"socketfile": "s.sock", "role": "slave"}), false, memifInfo("master", "ethernet", shared), shared},
			"mode ip":     {host("interface", object{"socketfile": "s.sock", "mode": "ip"}), false, memifInfo("slave", "ip", shared), shared},
			"abstract":    {host("none", object{"socketfile": "s.sock", "socketType": "abstract"}), false, memifInfo("slave", "ethernet", "@s.sock"), ""},
			"volume":      {host("none", object{"socketfile": "s.sock"}), true, memifInfo("slave", "ethernet", "/var/lib/cni/usrspcni/s.sock"), "pod's volume/s.sock"},
		} {
			conf := b.network("net", b.deviceInfo(), c.conf)
			a := b.attach(conf, "sandbox", "net1")
			if c.api {
				cl := b.cluster()
				conf["kubeconfig"] = cl.kubeconfig
				a = b.attach(conf, "sandbox", "net1").asPod("u-1")
				c.socketPath = filepath.Join(cl.volume, "s.sock")
			}
			result := a.add()
			if got := result.Interfaces[0].SocketPath; got != c.socketPath {
				b.Errorf("%s: the result's socketPath is %q, want %q", name, got, c.socketPath)
			}
			a.wantDeviceInfo(name, c.want)
			a.del()
			a.wantDeviceInfo(name+", after DEL", nil)
		}
	})
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
