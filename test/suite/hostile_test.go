package suite

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	podcontract "github.com/userspace-cni/userspace-cni/pkg/contract"
	"github.com/userspace-cni/userspace-cni/pkg/state"
)

// swapTime is how long things are swapped on each engine, over all places.
func swapTime() time.Duration {
	if testing.Short() {
		return 2 * time.Second
	}
	return time.Minute
}

// place is a directory that a pod shares, and can write to.
type place struct {
	name string
	make func(b *bench) (attachment, string)
	// swapsDir: the pod swaps the directory itself, as one can that may write to
	// the directory above; else what is in it.
	swapsDir bool
	// abstract: VPP is given no path there. Where it is, it may connect to where a
	// link leads, and make our socket where one in the directory's place does
	// (docs/security.md), and nothing else.
	abstract bool
}

const oursSock = "ours.sock"

var places = []place{
	{name: "in the pod's volume", make: func(b *bench) (attachment, string) { return b.inVolume(object{"socketfile": oursSock}) }},
	{name: "in the container's directory", make: func(b *bench) (attachment, string) { return b.inDirectory(object{"socketfile": oursSock}) }},
	{name: "beside an abstract socket", abstract: true, make: func(b *bench) (attachment, string) {
		return b.inDirectory(object{"socketfile": oursSock, "socketType": "abstract"})
	}},
	{name: "the directory, abstract", swapsDir: true, abstract: true, make: func(b *bench) (attachment, string) {
		return b.inDirectory(object{"socketfile": oursSock, "socketType": "abstract"})
	}},
	{name: "the directory", swapsDir: true, make: func(b *bench) (attachment, string) {
		return b.inDirectory(object{"socketfile": oursSock})
	}},
}

func memifIn(memif object) object {
	return object{"host": object{"engine": "vpp", "iftype": "memif", "netType": "bridge", "bridge": object{"bridgeId": 4}, "memif": memif}}
}

func (b *bench) inVolume(memif object) (attachment, string) {
	b.Helper()
	c := b.cluster()
	must(b, os.MkdirAll(c.volume, 0o777))
	return b.attach(b.network("net", memifIn(memif), object{"kubeconfig": c.kubeconfig}), "hostile", "net1").asPod("u-1"), c.volume
}

func (b *bench) inDirectory(memif object) (attachment, string) {
	b.Helper()
	dir := filepath.Join(b.sharedDir(), "hostile")
	must(b, os.MkdirAll(dir, 0o777))
	return b.attach(b.network("net", memifIn(memif)), "hostile", "net1"), dir
}

// contractName is the name of the attachment's contract file.
func (a attachment) contractName() string {
	return podcontract.FileName(state.Attachment{Network: "net", ContainerID: a.id, IfName: a.ifName})
}

// TestHostileSwap has a pod swap what stands at our names, and on the way to
// them, all the time: whether a call succeeds or not, nothing outside is created,
// changed, removed, made accessible or waited for.
func TestHostileSwap(t *testing.T) {
	onEach(t, func(b *bench) {
		for _, p := range places {
			b.Run(p.name, func(t *testing.T) {
				own := *b
				own.T = t
				own.swapIn(p, swapTime()/time.Duration(len(places)))
			})
		}
	})
}

func (b *bench) swapIn(p place, duration time.Duration) {
	a, dir := p.make(b)
	defer func() { b.clusters = nil }()
	c := b.canary()
	c.vppLooks = !p.abstract
	defer os.RemoveAll(c.dir)
	names := []string{oursSock, a.contractName(), a.contractName() + ".tmp"}
	stop := b.swapping(func(random *rand.Rand) {
		if p.swapsDir {
			c.swapDir(dir, random)
		} else {
			c.swapFile(filepath.Join(dir, names[random.IntN(len(names))]), random)
		}
	})
	calls, failed := 0, map[uint]int{}
	texts := map[uint]string{}
	var slowest time.Duration
	var slow string
	for until := time.Now().Add(duration); time.Now().Before(until) && !b.Failed(); {
		for _, command := range []string{"ADD", "CHECK", "ADD", "DEL"} {
			started := time.Now()
			reply := a.call(command)
			calls++
			if took := time.Since(started); took > slowest {
				slowest, slow = took, fmt.Sprintf("%s, %v", command, reply.Error())
			}
			if err := reply.Error(); err != nil {
				failed[reply.Code]++
				texts[reply.Code] = command + " " + err.Error()
				if command != "CHECK" && !strings.Contains(err.Error(), "/") {
					b.Errorf("%s fails without saying at what: %v", command, err)
				}
			}
		}
		if p.swapsDir && !p.abstract {
			removeSockets(b, c.path("dir"), oursSock)
			c.forgive("dir")
		}
		c.mustBeIntact("swapping " + p.name)
	}
	swaps := stop()
	must(b, os.RemoveAll(dir))
	a.del()
	if !p.swapsDir && p.name == places[0].name {
		must(b, os.MkdirAll(dir, 0o777))
	}
	b.nothingLeft()
	a.add() // and the network works when it is left alone
	a.del()
	if failed[999] > 0 {
		b.Errorf("%d calls failed as if for a fault of ours: %s", failed[999], texts[999])
	}
	if swaps < 10 {
		b.Errorf("only %d swaps", swaps)
	}
	b.summary("%d calls during %d swaps, failed by code %v, the slowest took %s; nothing outside was touched",
		calls, swaps, failed, slowest.Round(time.Millisecond))
	b.Logf("the slowest was %s", slow)
	for code := range maps.Keys(texts) {
		b.Logf("  %s", texts[code])
	}
}

// swapping does something over and over until it is stopped, and then says how
// often.
func (b *bench) swapping(swap func(random *rand.Rand)) (stop func() int) {
	done, swaps := make(chan struct{}), 0
	random := rand.New(rand.NewPCG(4, 4))
	var actor sync.WaitGroup
	actor.Go(func() {
		for ; ; swaps++ {
			select {
			case <-done:
				return
			default:
				swap(random)
			}
		}
	})
	return func() int {
		close(done)
		actor.Wait()
		return swaps
	}
}

// swapFile puts something else at a name. What stood there may have been
// exchanged or removed by the plugin meanwhile.
func (c *canary) swapFile(path string, random *rand.Rand) {
	_ = os.RemoveAll(path)
	lures := c.lures()
	_ = lures[random.IntN(len(lures))](path)
	time.Sleep(time.Duration(random.IntN(3000)) * time.Microsecond)
}

// swapDir exchanges the directory for a link that leads outside, or for another
// thing, and back.
func (c *canary) swapDir(dir string, random *rand.Rand) {
	aside := filepath.Join(c.b.dir, "aside")
	_ = os.RemoveAll(aside)
	switch random.IntN(5) {
	case 0:
		_ = syscall.Mkfifo(aside, 0o666)
	case 1:
		_ = os.WriteFile(aside, nil, 0o666)
	default:
		_ = os.Symlink(c.path("dir"), aside)
	}
	exchange := func() error { return unix.Renameat2(unix.AT_FDCWD, aside, unix.AT_FDCWD, dir, unix.RENAME_EXCHANGE) }
	if exchange() == nil {
		time.Sleep(time.Duration(random.IntN(2000)) * time.Microsecond)
		_ = exchange()
	}
	time.Sleep(time.Duration(random.IntN(2000)) * time.Microsecond)
}

func removeSockets(b *bench, dir, name string) {
	b.Helper()
	path := filepath.Join(dir, name)
	if info, err := os.Lstat(path); err == nil && info.Mode().Type() == os.ModeSocket {
		must(b, os.Remove(path))
	}
}

// forgive takes a directory's own line as it is now: something that was allowed
// has come and gone in it.
func (c *canary) forgive(name string) {
	line := func(text string) string {
		for line := range strings.Lines(text) {
			if strings.HasPrefix(line, c.path(name)+" ") {
				return line
			}
		}
		return ""
	}
	c.before = strings.Replace(c.before, line(c.before), line(c.look()), 1)
}

// TestHostilePlants puts everything that a pod can make at each of our names, and
// at the directory's own, before each verb.
func TestHostilePlants(t *testing.T) {
	onEach(t, func(b *bench) {
		c := b.canary()
		tried, refused := 0, 0
		for i, plant := range c.lures() {
			for _, at := range []string{oursSock, "contract", "draft", "directory"} {
				for _, command := range []string{"ADD", "DEL"} {
					a, dir := b.inDirectory(object{"socketfile": oursSock})
					if command == "DEL" {
						a.add()
					}
					path := map[string]string{
						oursSock: filepath.Join(dir, oursSock), "contract": filepath.Join(dir, a.contractName()),
						"draft": filepath.Join(dir, a.contractName()+".tmp"), "directory": dir,
					}[at]
					must(b, os.RemoveAll(path))
					must(b, plant(path))
					reply := a.call(command)
					tried++
					what := fmt.Sprintf("%s with lure %d as %s", command, i, at)
					if err := reply.Error(); err != nil {
						refused++
						if reply.Code == 999 || !strings.Contains(err.Error(), dir) {
							b.Errorf("%s: %v, which doesn't say where", what, err)
						}
						if command == "DEL" {
							b.Errorf("%s: %v: DEL must not depend on the pod", what, err)
						}
					}
					c.mustBeIntact(what)
					must(b, os.RemoveAll(dir))
					a.del()
					b.nothingLeft()
				}
			}
		}
		b.summary("%d calls with something planted, %d refused; nothing outside was touched", tried, refused)
	})
}

// TestHostileBacklog plants listeners that never answer, which would make all of
// VPP wait: they are refused before VPP is asked.
func TestHostileBacklog(t *testing.T) {
	onEach(t, func(b *bench) {
		for name, kind := range map[string]int{"stream": syscall.SOCK_STREAM, "seqpacket": syscall.SOCK_SEQPACKET} {
			for _, where := range places[:2] {
				a, dir := where.make(b)
				path := filepath.Join(dir, oursSock)
				release := fullBacklog(b, path, kind)
				started := time.Now()
				a.mustFail("ADD", 5, path, "somebody listens")
				if took := time.Since(started); took > 5*time.Second {
					b.Errorf("%s %s: the refusal took %s", name, where.name, took)
				}
				if there := b.objects(); len(there) > 0 { // VPP answers, and has nothing
					b.Errorf("%s %s: VPP was asked: %q", name, where.name, there)
				}
				a.del()
				release()
				must(b, os.RemoveAll(path))
				a.add()
				a.del()
				if where.name == places[0].name {
					b.clusters = nil
				}
				b.nothingLeft()
			}
		}
		b.summary("4 full backlogs were refused, and VPP answers")
	})
}

// fullBacklog listens at a path without room for another connection.
func fullBacklog(b *bench, path string, kind int) (release func()) {
	b.Helper()
	var fds []int
	socket := func(flags int) int {
		fd, err := syscall.Socket(syscall.AF_UNIX, kind|flags|syscall.SOCK_CLOEXEC, 0)
		must(b, err)
		fds = append(fds, fd)
		return fd
	}
	fd := socket(0)
	must(b, syscall.Bind(fd, &syscall.SockaddrUnix{Name: path}))
	must(b, syscall.Listen(fd, 0))
	for {
		err := syscall.Connect(socket(syscall.SOCK_NONBLOCK), &syscall.SockaddrUnix{Name: path})
		if err == syscall.EAGAIN {
			break
		}
		must(b, err)
	}
	return func() {
		for _, fd := range fds {
			syscall.Close(fd)
		}
	}
}

// TestHostileNames tries names that lead elsewhere wherever CNI and the network
// definition have a name.
func TestHostileNames(t *testing.T) {
	onEach(t, func(b *bench) {
		c := b.canary()
		up := strings.Repeat("../", 20)
		tried := 0
		for _, name := range []string{
			"/etc/passwd", up + c.path("dir/x")[1:], "..", ".", "a/b", "x\x00y", strings.Repeat("s", 300), "x,netns_name=/proc/1/ns/net",
			"configData-x.json", "~x", "x y", "x\ny",
		} {
			for _, kind := range []string{"file", "abstract"} {
				a := b.attach(b.network("net", memifIn(object{"socketfile": name, "socketType": kind})), "hostile", "net1")
				a.mustFail("ADD", 7, "host.memif.socketfile", "a file name of at most 64")
				a.mustFail("CHECK", 7, "host.memif.socketfile")
				a.del() // is there to be done with
				tried += 3
			}
		}
		for _, name := range []string{"..", "../canary/dir", up + c.dir[1:], "a/b", "/", "a b", "-x", "a\nb"} {
			for _, a := range []attachment{b.attach(b.network("net"), name, "net1"), b.attach(b.network("net"), "hostile", name)} {
				if a.ifName == "-x" {
					continue // is a name that an interface can have
				}
				for _, command := range []string{"ADD", "CHECK", "DEL"} {
					a.mustFail(command, 4, "")
					tried++
				}
			}
		}
		for _, name := range []string{"../x", "a/b", "..", "a\nb"} {
			conf := b.network("net")
			conf["name"] = name
			for _, command := range []string{"ADD", "DEL"} {
				if reply := b.attach(conf, "hostile", "net1").call(command); reply.Code != 7 {
					b.Errorf("%s to network %q: %v", command, name, reply.Error())
				}
				tried++
			}
		}
		c.mustBeIntact("names that lead elsewhere")
		b.nothingLeft()
		b.summary("%d calls with names that lead elsewhere", tried)
	})
}

// TestReadOnlyDirectory shows the container's directory to a pod read-only: the
// pod can connect, and can't touch anything.
func TestReadOnlyDirectory(t *testing.T) {
	needRoot(t)
	onEach(t, func(b *bench) {
		must(b, os.Chmod(b.dir, 0o711))
		a, dir := b.inDirectory(object{"socketfile": oursSock, "socketOwner": "1234"})
		view := filepath.Join(b.dir, "view")
		must(b, os.MkdirAll(view, 0o755))
		must(b, unix.Mount(dir, view, "", unix.MS_BIND, ""))
		defer unix.Unmount(view, unix.MNT_DETACH)
		must(b, unix.Mount("", view, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, ""))
		a.add()
		socket := filepath.Join(view, oursSock)
		for what, do := range map[string]func() error{
			"create": func() error { return os.WriteFile(filepath.Join(view, "x"), nil, 0o666) },
			"link":   func() error { return os.Symlink("/etc", filepath.Join(view, "x")) },
			"remove": func() error { return os.Remove(socket) },
			"rename": func() error { return os.Rename(socket, socket+"2") },
			"chmod":  func() error { return os.Chmod(socket, 0o777) },
			"write":  func() error { return os.WriteFile(filepath.Join(view, a.contractName()), nil, 0o666) },
		} {
			for who, err := range map[string]error{"root": do(), "the pod's user": asUser(1234, 1234, nil, do)} {
				if err == nil {
					b.Errorf("%s can %s in a directory that is mounted read-only", who, what)
				}
			}
		}
		if err := connectAs(socket, 1234, 1234); err != nil {
			b.Errorf("the pod's user can't connect: %v", err)
		}
		if err := a.call("CHECK").Error(); err != nil {
			b.Errorf("CHECK: %v", err)
		}
		a.del()
		must(b, unix.Unmount(view, unix.MNT_DETACH))
	})
}

// TestHostileRecord deletes, and attaches again, after the record was damaged in
// every way: nothing outside is removed, and nothing is left.
func TestHostileRecord(t *testing.T) {
	onEach(t, func(b *bench) {
		c := b.canary()
		spoils := map[string]func(text string) string{
			"cut":   func(text string) string { return text[:len(text)/2] },
			"empty": func(string) string { return "" },
			"newer": func(text string) string { return strings.Replace(text, `"version":1`, `"version":2`, 1) },
			"another's": func(text string) string {
				return strings.Replace(text, `"containerId":"hostile"`, `"containerId":"victim"`, 1)
			},
			"file outside": func(text string) string { return strings.Replace(text, `"ours.sock"]`, `"../../canary/file"]`, 1) },
			"absolute": func(text string) string {
				return strings.Replace(text, `"ours.sock"]`, fmt.Sprintf("%q]", c.path("file")), 1)
			},
			"other dir": func(text string) string {
				return strings.Replace(strings.Replace(text, `"dir":"`, `"dir":"`+c.path("dir")+`","was":"`, 1), `"ours.sock"]`, `"file"]`, 1)
			},
			"link": func(text string) string {
				return strings.Replace(text, `"dir":"`, `"link":"`+c.path("file")+`","dir":"`, 1)
			},
			"spec null": func(text string) string { return strings.Replace(text, `"spec":`, `"spec":null,"was":`, 1) },
			"spec":      func(text string) string { return strings.Replace(text, `"spec":`, `"spec":{},"was":`, 1) },
			"result":    func(text string) string { return strings.Replace(text, `"result":`, `"result":[],"was":`, 1) },
			"result ips": func(text string) string {
				return strings.Replace(text, `"result":`, `"result":{"ips":[null]},"was":`, 1)
			},
			"engine": func(text string) string { return strings.Replace(text, `"engine":"vpp"`, `"engine":"ovs"`, 1) },
		}
		for _, name := range slices.Sorted(maps.Keys(spoils)) {
			for _, then := range []string{"DEL", "ADD", "GC"} {
				a, _ := b.inDirectory(object{"socketfile": oursSock})
				a.add()
				path := a.recordPath()
				data, err := os.ReadFile(path)
				must(b, err)
				spoilt := spoils[name](string(data))
				if spoilt == string(data) {
					b.Fatalf("%s changes nothing of %s", name, data)
				}
				must(b, os.WriteFile(path, []byte(spoilt), 0o600))
				switch then {
				case "ADD":
					a.add()
				case "GC":
					conf := b.network("net", memifIn(object{"socketfile": oursSock}), object{"cni.dev/valid-attachments": []any{}})
					_ = b.attach(conf, "", "").call("GC") // may say what it can't read
				}
				a.del()
				c.mustBeIntact(name + ", then " + then)
				b.nothingLeft()
			}
		}
		b.summary("%d damaged records; nothing outside was touched", 3*len(spoils))
	})
}

// TestForeignAnnotation has the author of a pod announce another pod's socket:
// the plugin keeps what others wrote, and acts on none of it.
func TestForeignAnnotation(t *testing.T) {
	onEach(t, func(b *bench) {
		victim := b.attach(b.network("other", memifIn(object{"socketfile": "victim.sock"})), "victim", "net9")
		victim.add()
		before := b.left()
		foreign := `{"name":"other","ifName":"net9","containerId":"victim","config":{"engine":"vpp","iftype":"memif","memif":{"role":"slave","socketfile":"../victim/victim.sock"}},"ipResult":{}}`
		c := b.cluster()
		c.Put(fmt.Sprintf(`{"metadata":{"namespace":"default","name":"web","uid":"u-1","annotations":{"userspace/configuration-data":%q,"userspace/mapped-dir":"/etc/"}},
			"spec":{"nodeName":"node","volumes":[{"name":"shared-dir","hostPath":{"path":%q}}],"containers":[%s]}}`, "["+foreign+",7]", c.volume, container))
		a := b.attach(b.network("net", memifIn(object{"socketfile": oursSock}), object{"kubeconfig": c.kubeconfig}), "hostile", "net1").asPod("u-1")
		a.add()
		if got := c.Annotations("default", "web")[podcontract.AnnotationData]; !strings.HasPrefix(got, "["+foreign+",7,{") {
			b.Errorf("the annotation is %s", got)
		}
		a.del()
		if got := c.Annotations("default", "web")[podcontract.AnnotationData]; got != "["+foreign+",7]" {
			b.Errorf("after DEL the annotation is %s", got)
		}
		c.Put(`{"metadata":{"namespace":"default","name":"web","uid":"u-1"},"spec":{}}`)
		if after := b.left(); after != before {
			b.Errorf("the other pod's was\n%s\nand is\n%s", before, after)
		}
		if err := victim.call("CHECK").Error(); err != nil {
			b.Errorf("the other pod: %v", err)
		}
		victim.del()
	})
}
