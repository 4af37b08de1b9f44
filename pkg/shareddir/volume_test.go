package shareddir

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/userspace-cni/userspace-cni/pkg/vpppath"
)

const podUID = "0f6d6d4e-7c1d-4a53-9d4e-4f5a7f2b9c11"

func TestInVolumePlaces(t *testing.T) {
	for name, c := range map[string]struct {
		volume  Volume
		kubelet string
		path    string
		linked  bool
		mayMake bool
	}{
		"hostPath":          {volume: Volume{HostPath: "/var/run/a/"}, path: "/var/run/a", mayMake: true},
		"DirectoryOrCreate": {volume: Volume{HostPath: "/a", HostPathType: "DirectoryOrCreate"}, path: "/a", mayMake: true},
		"Directory":         {volume: Volume{HostPath: "/a", HostPathType: "Directory"}, path: "/a"},
		"odd hostPath":      {volume: Volume{HostPath: "/a b"}, path: "/a b", linked: true, mayMake: true},
		"emptyDir": {
			volume: Volume{EmptyDir: true}, kubelet: DefaultKubelet, linked: true,
			path: "/var/lib/kubelet/pods/" + podUID + "/volumes/kubernetes.io~empty-dir/shared-dir",
		},
		"emptyDir elsewhere": {
			volume: Volume{EmptyDir: true}, kubelet: "/k", linked: true,
			path: "/k/pods/" + podUID + "/volumes/kubernetes.io~empty-dir/shared-dir",
		},
	} {
		t.Run(name, func(t *testing.T) {
			c.volume.Name = VolumeName
			volumes := []Volume{{Name: "other", HostPath: "/other"}, c.volume}
			d, ok, err := InVolume(volumes, c.kubelet, podUID, "/l", socketName)
			if err != nil || !ok || d.Path != c.path || !d.Volume || d.mayMake != c.mayMake || (d.Link != "") != c.linked {
				t.Errorf("%+v, %v, %v", d, ok, err)
			}
			if socket := d.Socket(socketName); len(socket) > vpppath.MaxSocket || !vpppath.IsPath(socket) {
				t.Errorf("VPP doesn't take %s", socket)
			}
		})
	}
}

func TestInVolumeNone(t *testing.T) {
	for _, volumes := range [][]Volume{nil, {{Name: "other", EmptyDir: true}}, {{Name: "shared-dir2", HostPath: "/a"}}} {
		if d, ok, err := InVolume(volumes, "/k", podUID, "/l", socketName); d != (Dir{}) || ok || err != nil {
			t.Errorf("%+v: %+v, %v, %v", volumes, d, ok, err)
		}
	}
}

func TestInVolumeRefuses(t *testing.T) {
	for words, v := range map[string]Volume{
		"neither a hostPath nor an emptyDir": {},
		`"File"`:                             {HostPath: "/a", HostPathType: "File"},
		`"Socket"`:                           {HostPath: "/a", HostPathType: "Socket"},
		`"a"`:                                {HostPath: "a"},
		`"/"`:                                {HostPath: "/"},
		`"/a/.."`:                            {HostPath: "/a/.."},
	} {
		v.Name = VolumeName
		_, ok, err := InVolume([]Volume{v}, "/k", podUID, "/l", socketName)
		mustRefuse(t, err, VolumeName, words)
		if !ok || !errors.Is(err, ErrVolume) {
			t.Errorf("%+v: %v, %v", v, ok, err)
		}
	}
	for _, uid := range []string{"", ".", "..", "../../x", "a/b", "a b", "a\x00"} {
		_, _, err := InVolume([]Volume{{Name: VolumeName, EmptyDir: true}}, "/k", uid, "/l", socketName)
		mustRefuse(t, err, "UID")
	}
}

// volume is a volume of a kind below the place, which doesn't exist yet.
func (p place) volume(t *testing.T, v Volume) Dir {
	t.Helper()
	v.Name = VolumeName
	if !v.EmptyDir {
		v.HostPath = filepath.Join(p.base, "host")
	}
	d, _, err := InVolume([]Volume{v}, filepath.Join(p.base, "kubelet"), podUID, p.links, socketName)
	must(t, err)
	t.Cleanup(func() { must(t, os.RemoveAll(p.base)) })
	return d
}

// TestVolumeStays: mode and owner of the pod's volume are the kubelet's and the
// pod's business, and it outlives us; what we put there doesn't.
func TestVolumeStays(t *testing.T) {
	for name, v := range map[string]Volume{
		"emptyDir": {EmptyDir: true}, "Directory": {HostPathType: "Directory"}, "hostPath": {},
	} {
		for _, mode := range []fs.FileMode{0o777, 0o700, 0o770 | fs.ModeSetgid} {
			t.Run(name+" "+mode.String(), func(t *testing.T) {
				p := newPlace(t)
				d := p.volume(t, v)
				must(t, os.MkdirAll(d.Path, 0o755))
				must(t, os.Chmod(d.Path, mode))
				for range 2 {
					must(t, d.Create())
					must(t, d.WriteFile("file", []byte("x"), Access{Mode: 0o644}))
					deadSocket(t, d.Socket(socketName), syscall.SOCK_SEQPACKET)
					if got := list(t, d.Path); !slices.Equal(got, []string{"file", socketName}) {
						t.Errorf("in the volume's root: %q", got)
					}
					again := Dir{Path: d.Path, Link: d.Link, Volume: true} // as from a record
					must(t, again.Remove("file", socketName))
					must(t, again.Remove("file", socketName))
				}
				info, err := os.Lstat(d.Path)
				must(t, err)
				if got := info.Mode() &^ fs.ModeDir; got != mode {
					t.Errorf("mode %v, want %v", got, mode)
				}
				if got := append(list(t, d.Path), list(t, p.links)...); len(got) > 0 {
					t.Errorf("left: %q", got)
				}
			})
		}
	}
}

func TestVolumeMissing(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0o077))
	for name, v := range map[string]Volume{"emptyDir": {EmptyDir: true}, "Directory": {HostPathType: "Directory"}} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t)
			d := p.volume(t, v)
			err := d.Create()
			mustRefuse(t, err, VolumeName, d.Path, "must exist")
			if !errors.Is(err, ErrVolume) {
				t.Error(err)
			}
			if got := list(t, p.base); len(got) > 0 {
				t.Errorf("made: %q", got)
			}
			must(t, d.Remove("file")) // nothing to do
		})
	}
	for _, kind := range []string{"", "DirectoryOrCreate"} {
		t.Run("made: "+kind, func(t *testing.T) {
			p := newPlace(t)
			d := p.volume(t, Volume{HostPathType: kind})
			must(t, d.Create())
			must(t, d.Create())
			info, err := os.Lstat(d.Path)
			if err != nil || info.Mode() != fs.ModeDir|0o755 {
				t.Errorf("%v, %v", info, err)
			}
			must(t, d.Remove())
			if _, err := os.Lstat(d.Path); err != nil {
				t.Errorf("the pod's volume is gone: %v", err)
			}
		})
	}
}

// TestVolumeIsNoDirectory: whatever stands in the volume's place, nothing of
// ours goes to where it leads.
func TestVolumeIsNoDirectory(t *testing.T) {
	for name, plant := range map[string]func(t *testing.T, path, other string){
		"link":          func(t *testing.T, path, other string) { must(t, os.Symlink(other, path)) },
		"relative link": func(t *testing.T, path, _ string) { must(t, os.Symlink("other", path)) },
		"dangling link": func(t *testing.T, path, _ string) { must(t, os.Symlink("/none", path)) },
		"file":          func(t *testing.T, path, _ string) { write(t, path, "") },
		"FIFO":          func(t *testing.T, path, _ string) { must(t, syscall.Mkfifo(path, 0o600)) },
	} {
		for _, v := range []Volume{{}, {EmptyDir: true}} {
			t.Run(name, func(t *testing.T) {
				p := newPlace(t)
				d := p.volume(t, v)
				other := filepath.Join(filepath.Dir(d.Path), "other")
				must(t, os.MkdirAll(other, 0o755))
				write(t, filepath.Join(other, "file"), "precious")
				plant(t, d.Path, other)
				mustRefuse(t, d.Create(), VolumeName, d.Path)
				mustRefuse(t, d.WriteFile("file", nil, Access{Mode: 0o644}), d.Path)
				mustRefuse(t, d.Clear("file"), d.Path)
				_ = d.Remove("file")
				if got := read(t, filepath.Join(other, "file")); got != "precious" {
					t.Errorf("content %q", got)
				}
				if got := list(t, p.links); len(got) > 0 {
					t.Errorf("linked: %q", got)
				}
			})
		}
	}
}

func TestOwner(t *testing.T) {
	p := newPlace(t)
	d := p.volume(t, Volume{EmptyDir: true})
	if _, _, err := d.Owner(); err == nil || !strings.Contains(err.Error(), d.Path) {
		t.Errorf("missing: %v", err)
	}
	must(t, os.MkdirAll(d.Path, 0o755))
	wantUID, wantGID := os.Getuid(), os.Getgid()
	if wantUID == 0 {
		wantUID, wantGID = 1234, 5678
		must(t, os.Chown(d.Path, wantUID, wantGID))
	}
	if uid, gid, err := d.Owner(); uid != wantUID || gid != wantGID || err != nil {
		t.Errorf("%d:%d, %v; want %d:%d", uid, gid, err, wantUID, wantGID)
	}
}
