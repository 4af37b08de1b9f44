package suite

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/containernetworking/cni/libcni"
	"github.com/containernetworking/cni/pkg/invoke"
	"github.com/containernetworking/cni/pkg/types"
	current "github.com/containernetworking/cni/pkg/types/100"
)

// list is a configuration as a list of one plugin, as runtimes have it.
func (b *bench) list(conf object) []byte {
	b.Helper()
	plugin := object{}
	for key, value := range conf {
		if key != "name" && key != "cniVersion" {
			plugin[key] = value
		}
	}
	return encode(b.T, object{"cniVersion": conf["cniVersion"], "name": conf["name"], "plugins": []any{plugin}})
}

// runtime calls plugins by the library that container runtimes have, and keeps its
// notes below the bench's directory.
func (b *bench) runtime(name string) *libcni.CNIConfig {
	exec := &invoke.DefaultExec{RawExec: &invoke.RawExec{Stderr: &bytes.Buffer{}}}
	return libcni.NewCNIConfigWithCacheDir([]string{bin}, filepath.Join(b.dir, name), exec)
}

// TestLibcni drives the plugin by libcni: every verb, with what that library passes
// on of the result.
func TestLibcni(t *testing.T) {
	onEach(t, func(b *bench) {
		list, err := libcni.NetworkConfFromBytes(b.list(b.network("net", b.hostLocal(1))))
		must(b, err)
		ctx := context.Background()
		runtime := b.runtime("runtime")
		sandbox := func(id string) *libcni.RuntimeConf {
			return &libcni.RuntimeConf{ContainerID: id, NetNS: b.netns(), IfName: "net1"}
		}
		_, err = runtime.ValidateNetworkList(ctx, list)
		must(b, err)
		must(b, runtime.GetStatusNetworkList(ctx, list))
		for _, id := range []string{"kept", "forgotten"} {
			if id == "forgotten" {
				runtime = b.runtime("another")
			}
			answer, err := runtime.AddNetworkList(ctx, list, sandbox(id))
			must(b, err)
			result, err := current.NewResultFromResult(answer)
			must(b, err)
			if len(result.IPs) != 2 || len(result.Interfaces) != 1 || result.Interfaces[0].SocketPath == "" {
				b.Errorf("result of %s: %+v", id, result)
			}
			must(b, runtime.CheckNetworkList(ctx, list, sandbox(id)))
		}
		runtime = b.runtime("runtime")

		valid := &libcni.GCArgs{ValidAttachments: []types.GCAttachment{{ContainerID: "kept", IfName: "net1"}}}
		must(b, runtime.GCNetworkList(ctx, list, valid))
		if objects := strings.Join(b.objects(), "\n"); strings.Count(objects, "interface memif") != 1 {
			b.Errorf("after GC of all but one:\n%s", objects)
		}
		must(b, runtime.CheckNetworkList(ctx, list, sandbox("kept")))

		b.restartVPP()
		if err := runtime.CheckNetworkList(ctx, list, sandbox("kept")); err == nil || !strings.Contains(err.Error(), "create memif") {
			b.Errorf("CHECK after a restart of VPP: %v, want what is to be created", err)
		}
		if err := runtime.GetStatusNetworkList(ctx, list); err != nil {
			b.Errorf("STATUS: %v", err)
		}
		must(b, runtime.DelNetworkList(ctx, list, sandbox("kept")))
		must(b, runtime.DelNetworkList(ctx, list, sandbox("kept")))
	})
}

// TestCnitool drives the plugin by the program that people try CNI plugins with. Its
// gc deletes what it has notes of, and then asks for GC without saying what is still
// in use, as the specification demands: that is refused, for it could mean nothing.
func TestCnitool(t *testing.T) {
	onEach(t, func(b *bench) {
		dir := filepath.Join(b.dir, "net.d")
		must(b, os.MkdirAll(dir, 0o755))
		must(b, os.WriteFile(filepath.Join(dir, "net.conflist"), b.list(b.network("net", b.hostLocal(1))), 0o644))
		cnitool := func(verb string) (string, error) {
			cmd := exec.Command(filepath.Join(bin, "cnitool"), verb, "net", b.netns())
			cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "CNI_PATH=" + bin, "NETCONFPATH=" + dir, "CNI_IFNAME=net1"}
			out, err := cmd.CombinedOutput()
			return string(out), err
		}
		for _, verb := range []string{"status", "add", "check", "del", "del", "add"} {
			if out, err := cnitool(verb); err != nil || verb == "add" && !strings.Contains(out, "socketPath") {
				b.Errorf("cnitool %s: %v: %s", verb, err, out)
			}
			if verb == "del" {
				b.nothingLeft()
			}
		}
		if out, err := cnitool("gc"); err == nil || !strings.Contains(out, "cni.dev/valid-attachments: missing") {
			b.Errorf("cnitool gc: %v: %s", err, out)
		}
		b.nothingLeft()
		must(b, b.host.Kill())
		if out, err := cnitool("status"); err == nil || !strings.Contains(out, "not running") {
			b.Errorf("cnitool status without a VPP: %v: %s", err, out)
		}
		must(b, b.host.Start())
	})
}
