package suite

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	current "github.com/containernetworking/cni/pkg/types/100"

	podcontract "github.com/userspace-cni/userspace-cni/pkg/contract"
	"github.com/userspace-cni/userspace-cni/pkg/state"
	"github.com/userspace-cni/userspace-cni/test/lab"
)

// bench is a host for one test: its VPP and its directories.
type bench struct {
	*testing.T
	engine lab.Engine
	host   *lab.VPP
	dir    string
	pods   int // how many there are
	// clusters are those whose pod must be left as it was, given what a test has
	// put on the host's VPP itself.
	clusters []*cluster
	given    []string
}

// onEach runs a test on every engine.
func onEach(t *testing.T, test func(b *bench)) {
	eachEngine(t, func(t *testing.T, engine lab.Engine) { test(newBench(t, engine)) })
}

func eachEngine(t *testing.T, test func(t *testing.T, engine lab.Engine)) {
	for _, engine := range engines {
		name := "simulator"
		if engine.Real {
			name = "vpp"
		}
		t.Run(name, func(t *testing.T) { test(t, engine) })
	}
}

func newBench(t *testing.T, engine lab.Engine) *bench {
	t.Helper()
	if err := touchSources(); err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("/run", "b")
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{T: t, engine: engine, dir: dir}
	t.Cleanup(func() { os.RemoveAll(dir) })
	b.host = b.startVPP("host", "")
	t.Cleanup(func() {
		b.nothingLeft()
		os.RemoveAll(state.DefaultDir) // one failure must not spread
	})
	return b
}

func (b *bench) startVPP(name, netns string) *lab.VPP {
	b.Helper()
	vpp, err := lab.StartVPP(b.engine, filepath.Join(b.dir, name), netns)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		select {
		case <-vpp.Exited():
			if b.Failed() {
				b.Logf("%s, which has ended, wrote:\n%s", name, vpp.Output())
			}
		default:
		}
		vpp.Kill()
	})
	return vpp
}

// restartVPP kills the host's VPP and starts it anew, where it has nothing.
func (b *bench) restartVPP() {
	b.Helper()
	must(b, b.host.Kill())
	must(b, b.host.Start())
}

func (b *bench) sharedDir() string { return filepath.Join(b.dir, "shared") }
func (b *bench) ipamDir() string   { return filepath.Join(b.dir, "ipam") }

// nothingLeft asserts that nothing of any attachment is left.
func (b *bench) nothingLeft() {
	b.Helper()
	if left := b.left(); left != "" {
		b.Errorf("left behind:\n%s", left)
	}
}

// left lists what there is of attachments: on the host's VPP, unless that is
// not running, in files, in IPAM, and in the pods' annotations.
func (b *bench) left() string {
	b.Helper()
	dirs := []string{state.DefaultDir, b.sharedDir(), b.ipamDir()}
	var annotations string
	for _, c := range b.clusters {
		dirs = append(dirs, c.volume)
		annotations += c.Annotations("default", "web")[podcontract.AnnotationData]
	}
	files, err := lab.FilesLeft(dirs...)
	if err != nil {
		b.Error(err)
	}
	files += "\n" + strings.Join(b.deviceInfoFiles(), "\n")
	files = strings.TrimSpace(annotations + "\n" + files)
	select {
	case <-b.host.Exited():
		return files
	default:
	}
	return strings.TrimSpace(strings.Join(b.objects(), "\n") + "\n" + files)
}

// objects are those on the host's VPP that no test has put there itself.
func (b *bench) objects() []string {
	b.Helper()
	objects, err := b.host.Left()
	if err != nil {
		b.Errorf("look at the host's VPP: %v", err)
	}
	return slices.DeleteFunc(strings.Split(objects, "\n"), func(line string) bool {
		return line == "" || slices.Contains(b.given, line)
	})
}

// object is a piece of JSON.
type object = map[string]any

// network is a valid configuration on this bench: a bridge, no IPAM. Changes
// replace its top-level fields.
func (b *bench) network(name string, changes ...object) object {
	conf := object{
		"cniVersion": "1.1.0", "name": name, "type": "userspace",
		"vppApiSocket": b.host.APISocket, "sharedDir": b.sharedDir(),
		"host": object{
			"engine": "vpp", "iftype": "memif", "netType": "bridge",
			"memif": object{"role": "master", "mode": "ethernet"}, "bridge": object{"bridgeName": "4"},
		},
	}
	for _, change := range changes {
		maps.Copy(conf, change)
	}
	return conf
}

// hostLocal is an ipam block for networks of 10.X.0.0/16 and fd00:X::/64.
func (b *bench) hostLocal(x int) object {
	return object{"ipam": object{
		"type": "host-local", "dataDir": b.ipamDir(),
		"ranges": []any{
			[]any{object{"subnet": fmt.Sprintf("10.%d.0.0/16", x)}},
			[]any{object{"subnet": fmt.Sprintf("fd00:%d::/64", x)}},
		},
	}}
}

// attachment is one CNI call's subject.
type attachment struct {
	b      *bench
	conf   []byte
	id     string
	ifName string
	netns  string
	env    []string
}

func (b *bench) attach(conf object, id, ifName string) attachment {
	b.Helper()
	return attachment{b: b, conf: encode(b.T, conf), id: id, ifName: ifName, netns: b.netns()}
}

// netns is a network namespace for attachments that don't care which.
func (b *bench) netns() string {
	path := "/run/netns/any"
	if _, err := os.Stat(path); err == nil {
		return path
	}
	return newNetns(b.T, "any")
}

func newNetns(t *testing.T, name string) string {
	t.Helper()
	path, err := lab.NewNetns(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := lab.DeleteNetns(path); err != nil {
			t.Error(err)
		}
	})
	return path
}

func encode(t *testing.T, v any) []byte {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func (a attachment) lab(command string) lab.Call {
	conf := bytes.ReplaceAll(a.conf, []byte(perAttachment), []byte(a.id+"-"+a.ifName))
	return lab.Call{Command: command, ContainerID: a.id, IfName: a.ifName, Netns: a.netns, Config: conf, Env: a.env}
}

// perAttachment stands in a configuration for what the runtime makes another one
// for each attachment.
const perAttachment = "PER-ATTACHMENT"

// call makes a CNI call and returns what the plugin answered.
func (a attachment) call(command string) lab.Reply {
	a.b.Helper()
	reply, err := lab.CNI(bin, a.lab(command))
	if err != nil {
		a.b.Fatal(err)
	}
	return reply
}

// add makes an ADD that must succeed.
func (a attachment) add() *current.Result {
	a.b.Helper()
	result, err := a.call("ADD").Result()
	if err != nil {
		a.b.Fatalf("ADD: %v", err)
	}
	return result
}

// del makes a DEL that must succeed.
func (a attachment) del() {
	a.b.Helper()
	if err := a.call("DEL").Error(); err != nil {
		a.b.Errorf("DEL: %v", err)
	}
}

// mustFail asserts an error of the given code whose text has all the words.
func (a attachment) mustFail(command string, code uint, words ...string) {
	a.b.Helper()
	a.mustBeRefused(a.call(command), code, words...)
}

func (a attachment) mustBeRefused(reply lab.Reply, code uint, words ...string) {
	a.b.Helper()
	text := reply.Msg + " " + reply.Details
	if reply.Code != code {
		a.b.Errorf("code %d, want %d: %s", reply.Code, code, text)
	}
	for _, word := range words {
		if !strings.Contains(text, word) {
			a.b.Errorf("the error does not say %q: %s", word, text)
		}
	}
}

// within waits for a condition, and fails the test when it doesn't come true.
func within(t *testing.T, limit time.Duration, what string, condition func() bool) {
	t.Helper()
	until := time.Now().Add(limit)
	for !condition() {
		if time.Now().After(until) {
			t.Fatalf("after %s: not %s", limit, what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}
