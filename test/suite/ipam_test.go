package suite

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// fakeIPAM is an environment with an IPAM plugin called fake, a shell script
// for ADD. DEL does nothing but note that it was called.
func (b *bench) fakeIPAM(script string) []string {
	b.Helper()
	dir := filepath.Join(b.dir, "fake-ipam")
	must(b, os.MkdirAll(dir, 0o755))
	script = "#!/bin/sh\ncat > /dev/null\nif [ $CNI_COMMAND = DEL ]; then touch " + b.released() + "; exit; fi\n" + script + "\n"
	must(b, os.WriteFile(filepath.Join(dir, "fake"), []byte(script), 0o755))
	return []string{"CNI_PATH=" + dir + ":" + bin}
}

// released is there when the fake IPAM plugin was asked for DEL.
func (b *bench) released() string { return filepath.Join(b.dir, "released") }

// answer is a script that prints a text.
func answer(text string) string { return "cat <<'END'\n" + text + "\nEND" }

// TestOddIPAM has IPAM do what it shouldn't: the ADD fails with a code of CNI,
// leaves nothing, and what IPAM may have allocated is given back.
func TestOddIPAM(t *testing.T) {
	scripts := map[string]string{
		"says nothing":          "",
		"says no JSON":          answer("hello"),
		"says null":             answer("null"),
		"gives no address":      answer(`{"cniVersion":"1.1.0"}`),
		"gives null addresses":  answer(`{"cniVersion":"1.1.0","ips":[null]}`),
		"gives empty addresses": answer(`{"cniVersion":"1.1.0","ips":[{}]}`),
		"gives null routes":     answer(`{"cniVersion":"1.1.0","ips":[{"address":"10.0.0.1/24"}],"routes":[null]}`),
		"gives empty routes":    answer(`{"cniVersion":"1.1.0","ips":[{"address":"10.0.0.1/24"}],"routes":[{}]}`),
		"speaks the future":     answer(`{"cniVersion":"9.9.9","ips":[{"address":"10.0.0.1/24"}]}`),
		"fails without a word":  "exit 1",
		"is killed":             "kill -9 $$",
	}
	b := newBench(t, engines[0])
	for name, script := range scripts {
		os.Remove(b.released())
		a := b.attach(b.network("net", object{"ipam": object{"type": "fake"}}), "odd", "net1")
		a.env = b.fakeIPAM(script)
		a.mustFail("ADD", 999, "IPAM plugin fake")
		if left := b.left(); left != "" {
			t.Errorf("IPAM %s: left behind:\n%s", name, left)
		}
		if !exists(b.released())() {
			t.Errorf("IPAM %s: no DEL", name)
		}
	}
}

// TestChangedConfiguration changes the configuration after ADD: DEL, and another
// ADD, take away what the first configuration made, addresses included.
func TestChangedConfiguration(t *testing.T) {
	changes := map[string][2]string{
		"shared directory": {"/shared", "/elsewhere"},
		"API socket":       {"/api.sock", "/other.sock"},
		"bridge":           {`"bridgeName":"4"`, `"bridgeName":"5"`},
		"cniVersion":       {"1.1.0", "0.3.1"},
		"IPAM, left out":   {"host-local", ""},
		"IPAM's directory": {"/ipam", "/other-ipam"},
	}
	onEach(t, func(b *bench) {
		for name, change := range changes {
			for _, command := range []string{"DEL", "ADD"} {
				a := b.attach(b.network("net", b.hostLocal(1)), "changed", "net1")
				a.add()
				conf := string(a.conf)
				a.conf = []byte(strings.Replace(conf, change[0], change[1], 1))
				if string(a.conf) == conf {
					b.Fatalf("%s is not in %s", change[0], conf)
				}
				a.call(command) // an ADD with another API socket fails
				a.del()
				if left := b.left(); left != "" {
					b.Errorf("%s changed, then %s: left behind:\n%s", name, command, left)
				}
			}
		}
	})
}
