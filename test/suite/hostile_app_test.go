package suite

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode"
)

// hostileContract is something that a stranger puts in place of the contract.
type hostileContract struct {
	// replace changes the entry's text, from and to in turn; "" replaces all.
	replace []string
	// plant puts something at the file's name instead.
	plant func(path string) error
	says  string
}

const forged = `\u001b[2J\nlevel=ERROR msg=FORGED`

var hostileContracts = map[string]hostileContract{
	"path":            {replace: []string{`"socketfile":"ours.sock"`, `"socketfile":"../victim/ours.sock"`}, says: "socketfile"},
	"absolute":        {replace: []string{`"socketfile":"ours.sock"`, `"socketfile":"/run/vpp/api.sock"`}, says: "socketfile"},
	"parent":          {replace: []string{`"socketfile":"ours.sock"`, `"socketfile":".."`}, says: "socketfile"},
	"NUL":             {replace: []string{`"socketfile":"ours.sock"`, `"socketfile":"ours.sock\u0000x"`}, says: "socketfile"},
	"300 bytes":       {replace: []string{`"socketfile":"ours.sock"`, `"socketfile":"` + strings.Repeat("s", 300) + `"`}, says: "socketfile"},
	"another netns":   {replace: []string{`"socketfile":"ours.sock"`, `"socketType":"abstract","socketfile":"x,netns_name=/proc/1/ns/net"`}, says: "socketfile"},
	"ring of 2^31":    {replace: []string{`"socketfile":`, `"ringSize":2147483648,"socketfile":`}, says: "ring size"},
	"ring of 2^40":    {replace: []string{`"socketfile":`, `"ringSize":1099511627776,"socketfile":`}, says: "ringSize"},
	"queues":          {replace: []string{`"socketfile":`, `"rxQueues":-1,"socketfile":`}, says: "rxQueues"},
	"mtu":             {replace: []string{`"memif":`, `"mtu":1000000000,"memif":`}, says: "mtu"},
	"bridge domain":   {replace: []string{`"netType":"none"`, `"netType":"bridge","bridge":{"bridgeId":99999999999}`}, says: "bridgeId"},
	"inject-punt":     {replace: []string{`"mode":"ethernet"`, `"mode":"inject-punt"`}, says: "inject-punt"},
	"unknown iftype":  {replace: []string{`"iftype":"memif"`, `"iftype":"warp"`}, says: "warp"},
	"forged iftype":   {replace: []string{`"iftype":"memif"`, `"iftype":"` + forged + `"`}, says: "iftype"},
	"forged netType":  {replace: []string{`"netType":"none"`, `"netType":"` + forged + `"`}, says: "netType"},
	"forged mode":     {replace: []string{`"mode":"ethernet"`, `"mode":"` + forged + `"`}, says: "mode"},
	"forged role":     {replace: []string{`"role":"slave"`, `"role":"` + forged + `"`}, says: "role"},
	"forged MAC":      {replace: []string{`"mac":"`, `"mac":"` + forged}, says: "mac"},
	"forged network":  {replace: []string{`"name":"net"`, `"name":"net` + forged + `"`}, says: "name"},
	"forged ifName":   {replace: []string{`"ifName":"net1"`, `"ifName":"` + forged + `"`}, says: "ifName"},
	"forged sandbox":  {replace: []string{`"containerId":"pod"`, `"containerId":"` + forged + `"`}, says: "containerId"},
	"forged address":  {replace: []string{`"ipResult":{`, `"ipResult":{"ips":[{"address":"` + forged + `"}],`}, says: "FORGED"},
	"forged gateway":  {replace: []string{`"ipResult":{`, `"ipResult":{"ips":[{"address":"fd00::1/64","gateway":"fe80::1%` + forged + `"}],`}, says: "zone"},
	"memif is a list": {replace: []string{`"memif":{`, `"memif":[],"was":{`}, says: "memif"},
	"memif is null":   {replace: []string{`"memif":{`, `"memif":null,"was":{`}, says: "memif"},
	"newer":           {replace: []string{`"contractVersion":1`, `"contractVersion":2`}, says: "newer"},
	"cut":             {replace: []string{`"ipResult":{`, `"ipResult"`}, says: "invalid character"},
	"10 MB": {plant: func(path string) error {
		return os.WriteFile(path, []byte(`{"name":"`+strings.Repeat("n", 10<<20)+`"}`), 0o644)
	}, says: "larger than"},
	"FIFO":         {plant: func(path string) error { return syscall.Mkfifo(path, 0o666) }, says: "not a regular file"},
	"directory":    {plant: func(path string) error { return os.Mkdir(path, 0o777) }, says: "not a regular file"},
	"link to self": {plant: func(path string) error { return os.Symlink(filepath.Base(path), path) }, says: "not a regular file"},
	"link":         {plant: func(path string) error { return os.Symlink("/etc/passwd", path) }, says: "not a regular file"},
	"forged name": {plant: func(path string) error {
		return os.WriteFile(filepath.Join(filepath.Dir(path), "configData-\x1b[2J\nlevel=ERROR msg=FORGED.json"), []byte("{"), 0o644)
	}, says: "not the name"},
}

// TestHostileContract gives usrsp-app whatever a stranger may write instead of the
// contract, as a file and as an annotation: it says what is wrong, in lines of its
// own, soon, and asks VPP for nothing.
func TestHostileContract(t *testing.T) {
	onEach(t, func(b *bench) {
		p := b.pod("pod")
		a := p.attach(b.network("net", object{
			"host": object{"engine": "vpp", "iftype": "memif", "netType": "none", "memif": object{"socketfile": oursSock}},
		}), "net1")
		a.add()
		good := a.contract()
		path := filepath.Join(p.sharedDir(), a.contractName())
		tried := 0
		for name, c := range hostileContracts {
			must(b, os.Remove(path))
			if c.plant != nil {
				must(b, c.plant(path))
				b.mustBeBewildered(p, name+" as a file", c.says)
				tried++
			} else {
				bad := strings.Replace(good, c.replace[0], c.replace[1], 1)
				if bad == good {
					b.Fatalf("%s changes nothing of %s", name, good)
				}
				must(b, os.WriteFile(path, []byte(bad), 0o644))
				b.mustBeBewildered(p, name+" as a file", c.says)
				must(b, os.Remove(path))
				podinfo := b.podinfo(fmt.Sprintf("userspace/configuration-data=%q\n", "["+bad+"]"))
				b.mustBeBewildered(p, name+" as an annotation", c.says, "--podinfo", podinfo)
				tried += 2
			}
			rest, _ := filepath.Glob(filepath.Join(p.sharedDir(), "configData-*"))
			for _, file := range rest {
				must(b, os.RemoveAll(file))
			}
			must(b, os.WriteFile(path, []byte(good), 0o644))
		}
		must(b, os.Remove(path))
		tried += b.hostileFiles(p)
		if shown := p.show(); len(shown) != 0 {
			b.Errorf("hostile contracts made interfaces: %+v", shown)
		}
		must(b, os.WriteFile(path, []byte(good), 0o644))
		second := filepath.Join(p.sharedDir(), "configData-zzz.json")
		must(b, os.WriteFile(second, []byte(good), 0o644))
		b.mustBeBewildered(p, "the same twice", second)
		must(b, os.Remove(second))
		podinfo := b.podinfo(fmt.Sprintf("userspace/configuration-data=%q\n", "["+good+","+good+"]"))
		if out, err := b.app(p, "--podinfo", podinfo); err != nil {
			b.Errorf("the same in an annotation, twice: %v\n%s", err, out)
		}
		if shown := p.connected(1); len(shown) != 1 {
			b.Errorf("one contract made %+v", shown)
		}
		a.del()
		b.summary("%d hostile contracts were refused", tried+1)
	})
}

// hostileFiles has things stand in place of the downward API's file and of the
// directories.
func (b *bench) hostileFiles(p *pod) int {
	b.Helper()
	plants := map[string]func(path string) error{
		"FIFO":         func(path string) error { return syscall.Mkfifo(path, 0o666) },
		"directory":    func(path string) error { return os.Mkdir(path, 0o777) },
		"link to self": func(path string) error { return os.Symlink("annotations", path) },
		"link":         func(path string) error { return os.Symlink("/etc/passwd", path) },
		"10 MB":        func(path string) error { return os.WriteFile(path, make([]byte, 10<<20), 0o644) },
		"no list":      func(path string) error { return os.WriteFile(path, []byte(`userspace/configuration-data="7"`), 0o644) },
		"no quotes": func(path string) error {
			return os.WriteFile(path, []byte("userspace/configuration-data=\x1b[2J\n"), 0o644)
		},
	}
	for name, plant := range plants {
		podinfo := b.podinfo("")
		path := filepath.Join(podinfo, "annotations")
		must(b, os.Remove(path))
		must(b, plant(path))
		b.mustBeBewildered(p, name+" in place of the annotations", "annotation", "--podinfo", podinfo)
	}
	fifo := filepath.Join(b.dir, "fifo")
	must(b, syscall.Mkfifo(fifo, 0o666))
	b.mustBeBewildered(p, "a FIFO as shared directory", fifo, "--shared-dir", fifo)
	b.mustBeBewildered(p, "a FIFO as podinfo", fifo, "--podinfo", fifo)
	return len(plants) + 2
}

// podinfo is the directory of a downward-API volume with that file.
func (b *bench) podinfo(file string) string {
	b.Helper()
	dir := filepath.Join(b.dir, "podinfo")
	must(b, os.RemoveAll(dir))
	must(b, os.MkdirAll(dir, 0o755))
	must(b, os.WriteFile(filepath.Join(dir, "annotations"), []byte(file), 0o644))
	return dir
}

// app runs usrsp-app --once, for a while, and returns what it writes. No
// stranger may rule the terminal, or write lines of its own.
func (b *bench) app(p *pod, args ...string) (string, error) {
	b.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	flags := append(p.flags("--once", "--timeout", "10s", "--log-level", "debug"), args...)
	out, err := exec.CommandContext(ctx, filepath.Join(bin, "usrsp-app"), flags...).CombinedOutput()
	if ctx.Err() != nil {
		b.Errorf("usrsp-app %v waits for ever", args)
	}
	text := string(out)
	if strings.ContainsFunc(text, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) && r != unicode.ReplacementChar }) ||
		strings.Contains(text, "\nlevel=ERROR msg=FORGED") {
		b.Errorf("usrsp-app lets a stranger write its log: %q", text)
	}
	return text, err
}

// mustBeBewildered asserts that the app fails, and says what about.
func (b *bench) mustBeBewildered(p *pod, what, says string, args ...string) {
	b.Helper()
	out, err := b.app(p, args...)
	if err == nil || !strings.Contains(out, says) {
		b.Errorf("%s: error %v, want %q in\n%s", what, err, says, out)
	}
}
