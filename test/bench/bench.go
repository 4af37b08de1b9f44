package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/userspace-cni/userspace-cni/cnivpp"
	"github.com/userspace-cni/userspace-cni/pkg/state"
	"github.com/userspace-cni/userspace-cni/test/lab"
)

// bench is a host: its VPP, its directories, and how many endpoints stay there.
type bench struct {
	bin   string
	dir   string
	host  *lab.VPP
	netns string // for what doesn't care which
	stay  int
}

// object is a piece of JSON.
type object = map[string]any

func newBench(bin string, engine lab.Engine, v variant) (*bench, error) {
	dir, err := os.MkdirTemp("/run", "b")
	if err != nil {
		return nil, err
	}
	b := &bench{bin: bin, dir: dir}
	if b.netns, err = lab.NewNetns("any"); err != nil {
		return nil, errors.Join(err, b.end())
	}
	if b.host, err = lab.StartVPP(engine, dir+"/vpp", "", v.extra...); err != nil {
		return nil, errors.Join(err, b.end())
	}
	return b, nil
}

func (b *bench) end() error {
	if b.host != nil {
		b.host.Kill()
	}
	return errors.Join(lab.DeleteNetns(b.netns), os.RemoveAll(b.dir), os.RemoveAll(state.DefaultDir))
}

// network is a configuration of the plugin: a memif into a bridge, no IPAM, no
// API server. Changes replace its fields.
func (b *bench) network(changes ...object) []byte {
	conf := object{
		"cniVersion": "1.1.0", "name": "bench", "type": "userspace",
		"vppApiSocket": b.host.APISocket, "sharedDir": b.dir + "/shared",
		"host": object{"engine": "vpp", "iftype": "memif", "netType": "bridge", "bridge": object{"bridgeName": "4"}},
	}
	for _, change := range changes {
		maps.Copy(conf, change)
	}
	return encode(conf)
}

func encode(v object) []byte {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err) // text and numbers only
	}
	return data
}

// hostLocal is an ipam block.
func (b *bench) hostLocal(subnet string) object {
	return object{"ipam": object{
		"type": "host-local", "dataDir": b.dir + "/ipam", "ranges": []any{[]any{object{"subnet": subnet}}},
	}}
}

// call is a CNI call about a pod.
func (b *bench) call(command string, conf []byte, pod string) lab.Call {
	return lab.Call{Command: command, ContainerID: pod, IfName: "net1", Netns: b.netns, Config: conf}
}

// succeed makes a call that isn't timed and must succeed.
func (b *bench) succeed(call lab.Call) error {
	reply, err := lab.CNI(b.bin, call)
	if err = errors.Join(err, reply.Error()); err != nil {
		return fmt.Errorf("%s of %s: %w", call.Command, call.ContainerID, err)
	}
	return nil
}

// add is an ADD, undone by its DEL.
func (b *bench) add(conf []byte) subject {
	return subject{
		process: func(int) (*exec.Cmd, error) { return b.call("ADD", conf, "pod").Process(b.bin), nil },
		undo:    func(int) error { return b.succeed(b.call("DEL", conf, "pod")) },
	}
}

// del is the DEL of what an ADD, which isn't timed, has made.
func (b *bench) del(conf []byte) subject {
	return subject{process: func(int) (*exec.Cmd, error) {
		return b.call("DEL", conf, "pod").Process(b.bin), b.succeed(b.call("ADD", conf, "pod"))
	}}
}

// bareTag marks the endpoint of the bare process.
const bareTag = "bench-bare"

// bare is the bare process at the given API socket.
func (b *bench) bare(api string) subject {
	engine := cnivpp.Engine{Socket: b.host.APISocket, Locks: state.Locks{Dir: b.dir + "/locks"}, Log: slog.Default()}
	return subject{
		process: func(int) (*exec.Cmd, error) {
			return exec.Command(filepath.Join(b.bin, "bare"), api, b.dir+"/bare.sock", bareTag), nil
		},
		undo: func(int) error { return engine.RemoveTagged(context.Background(), bareTag) },
	}
}
