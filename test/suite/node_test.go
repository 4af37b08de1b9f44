package suite

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/userspace-cni/userspace-cni/pkg/nodeconf"
)

// node gives the node settings until the test ends.
func (b *bench) node(settings object) {
	b.Helper()
	b.nodeFile(string(encode(b.T, settings)))
}

// nodeFile puts a text there.
func (b *bench) nodeFile(text string) {
	b.Helper()
	b.Cleanup(func() { os.Remove(nodeconf.DefaultPath) })
	must(b, os.WriteFile(nodeconf.DefaultPath, []byte(text), 0o644))
	must(b, os.Chmod(nodeconf.DefaultPath, 0o644)) // whatever the umask is
}

// in makes a call about a pod in a namespace.
func (a attachment) in(namespace string) attachment {
	a.env = append(a.env[:len(a.env):len(a.env)], "CNI_ARGS=IgnoreUnknown=1;K8S_POD_NAME=web;K8S_POD_NAMESPACE="+namespace)
	return a
}

// refused asserts that an ADD fails with such an error and changes nothing.
func (a attachment) refused(what string, code uint, words ...string) {
	a.b.Helper()
	before := a.b.left()
	a.mustFail("ADD", code, words...)
	if after := a.b.left(); after != before {
		a.b.Errorf("%s: refused, and changed\n%s\nto\n%s", what, before, after)
	}
	a.del() // what was refused can be deleted
}

// TestGrants asks from two namespaces for everything that the node settings can
// grant: what isn't granted is refused by field, value and what is allowed.
func TestGrants(t *testing.T) {
	onEach(t, func(b *bench) {
		link := filepath.Join(b.dir, "link.sock")
		b.uplink("master", link)
		before := b.left()
		other := filepath.Join(b.dir, "other.sock")
		b.link(b.host.APISocket, other)
		b.node(object{
			"vppApiSocket": b.host.APISocket,
			"grants": []object{
				{"namespaces": []string{"*"}, "bridges": []string{"4"}},
				{
					"namespaces": []string{"telco"}, "bridges": []string{"blue.100", "blue.200"}, "vrfs": []int{7},
					"uplinks": []string{"memif9/0"}, "vppApiSockets": []string{other},
				},
			},
		})
		for name, c := range map[string]struct {
			change       object
			field, value string
			allowed      string // to the namespace default
		}{
			"bridge, with a VLAN": {bridged(object{"bridgeName": "blue", "vlanId": 100}), "host.bridge", `"blue.100"`, `"4"`},
			"uplink": {
				bridged(object{"bridgeName": "blue", "vlanId": 200, "uplink": "memif9/0"}), "host.bridge.uplink", `"memif9/0"`, "none",
			},
			"table":      {routed(7), "host.vrf", `"7"`, "none"},
			"API socket": {object{"vppApiSocket": other}, "vppApiSocket", other, "none"},
		} {
			a := b.attach(b.network("net", b.subnet("10.1.0.0/24"), c.change), "granted", "net1")
			a.in("default").refused(name, 7, c.field, c.value, `namespace "default"`, "allowed: "+c.allowed, nodeconf.DefaultPath)
			a.refused(name+", no namespace", 7, c.field, c.value, "a pod without namespace")
			granted := a.in("telco")
			granted.add()
			if err := granted.call("CHECK").Error(); err != nil {
				b.Errorf("%s: CHECK: %v", name, err)
			}
			b.nodeGranting(granted, object{"grants": []object{}})
			if left := b.left(); left != before {
				b.Errorf("%s: left behind:\n%s", name, left)
			}
		}
		plain := b.attach(b.network("net"), "plain", "net1")
		plain.add() // bridge 4 is everybody's
		plain.del()
		b.attach(b.network("net", bridged(object{"bridgeName": "blue"})), "x", "net1").in("telco").
			refused("the bridge of a granted VLAN", 7, "host.bridge", `"blue"`, `"blue.100"`)
		b.removeUplink()
	})
}

// nodeGranting takes grants back while an attachment is there: CHECK and DEL go
// on. Then the settings are as before.
func (b *bench) nodeGranting(a attachment, settings object) {
	b.Helper()
	before, err := os.ReadFile(nodeconf.DefaultPath)
	must(b, err)
	b.node(settings)
	if err := a.call("CHECK").Error(); err != nil {
		b.Errorf("CHECK of what is granted no more: %v", err)
	}
	a.del()
	b.nodeFile(string(before))
}

// TestWrongNodeSettings can't trust the node settings: ADD says what is wrong
// with the file and changes nothing, STATUS that ADD can't work, DEL goes on.
func TestWrongNodeSettings(t *testing.T) {
	const path = nodeconf.DefaultPath
	fine := func(b *bench) { b.node(object{}) }
	onEach(t, func(b *bench) {
		for name, c := range map[string]struct {
			spoil func(b *bench)
			says  []string
		}{
			"damaged":               {func(b *bench) { b.nodeFile(`{"grants":[`) }, []string{path}},
			"empty":                 {func(b *bench) { b.nodeFile("") }, []string{path}},
			"unknown field":         {func(b *bench) { b.node(object{"grant": []object{}}) }, []string{path, "grant", "grants"}},
			"wrong value":           {func(b *bench) { b.node(object{"addTimeout": 5}) }, []string{path, "addTimeout", "5", "10ms"}},
			"writable by the group": {func(b *bench) { fine(b); must(b, os.Chmod(path, 0o664)) }, []string{path, "0664", "chmod go-w"}},
			"writable by all":       {func(b *bench) { fine(b); must(b, os.Chmod(path, 0o646)) }, []string{path, "0646", "chmod go-w"}},
			"a directory":           {func(b *bench) { must(b, os.Mkdir(path, 0o755)) }, []string{path, "not a regular file"}},
			"a FIFO":                {func(b *bench) { must(b, syscall.Mkfifo(path, 0o644)) }, []string{path, "not a regular file"}},
			"somebody else's": {func(b *bench) {
				fine(b)
				if err := os.Chown(path, 1, 1); errors.Is(err, syscall.EINVAL) {
					// An ordinary user's namespace has one user only: the machine's root
					// is nobody in it.
					must(b, syscall.Mount("/etc/passwd", path, "", syscall.MS_BIND, ""))
				} else {
					must(b, err)
				}
			}, []string{path, "belongs to user", "chown root"}},
		} {
			a := b.attach(b.network("net", b.hostLocal(1)), "wrong", "net1")
			a.add()
			before := b.left()
			c.spoil(b)
			a.mustFail("ADD", 7, c.says...)
			a.mustFail("STATUS", 50, path)
			if after := b.left(); after != before {
				b.Errorf("%s: ADD changed\n%s\nto\n%s", name, before, after)
			}
			a.del()
			if left := b.left(); left != "" {
				b.Errorf("%s: left behind:\n%s", name, left)
			}
			_ = syscall.Unmount(path, syscall.MNT_DETACH) // only one of them is mounted
			must(b, os.Remove(path))
		}
	})
}
