package suite

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/userspace-cni/userspace-cni/test/lab"
)

// TestResult compares the printed result, and nothing but the result, in every
// version of CNI.
func TestResult(t *testing.T) {
	onEach(t, func(b *bench) {
		for _, version := range []string{"0.3.1", "0.4.0", "1.0.0", "1.1.0"} {
			a := b.attach(b.network("net", object{
				"cniVersion": version,
				"ipam": object{
					"type": "host-local", "dataDir": b.ipamDir(),
					"ranges": []any{[]any{object{"subnet": "10.1.0.0/24"}}, []any{object{"subnet": "fd00::/64"}}},
					"routes": []any{object{"dst": "192.0.2.0/24", "gw": "10.1.0.9"}},
				},
				"dns":       object{"nameservers": []any{"10.1.0.53"}},
				"container": object{"mac": "02:00:00:00:00:07", "mtu": 1400},
			}), "result-"+version, "net1")
			reply := a.call("ADD")
			if err := reply.Error(); err != nil {
				b.Fatal(err)
			}
			socket := filepath.Join(b.sharedDir(), a.id)
			got := indent(b.T, strings.ReplaceAll(reply.Stdout, socket, "SHARED"))
			golden(b.T, filepath.Join("testdata", "result-"+version+".json"), got)
			a.del()
		}
	})
}

func indent(t *testing.T, text string) string {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("stdout is not one JSON value: %v: %q", err, text)
	}
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return string(data) + "\n"
}

// golden compares with a file, or writes it when UPDATE_GOLDEN is set.
func golden(t *testing.T, path, got string) {
	t.Helper()
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs; got:\n%s", path, got)
	}
}

// TestVersion asks for the supported versions.
func TestVersion(t *testing.T) {
	reply, err := lab.CNI(bin, lab.Call{Command: "VERSION", Config: []byte(`{"cniVersion":"1.1.0"}`)})
	if err != nil {
		t.Fatal(err)
	}
	var answer struct{ SupportedVersions []string }
	if err := json.Unmarshal([]byte(reply.Stdout), &answer); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(answer.SupportedVersions, " "); got != "0.3.1 0.4.0 1.0.0 1.1.0" {
		t.Errorf("supported versions: %s", got)
	}
}

// TestWrongConfigurations feeds the plugin every wrong configuration of
// pkg/netconf: code 7 (or 6 and what the library refuses before us), and
// nothing touched.
func TestWrongConfigurations(t *testing.T) {
	files, err := filepath.Glob("../../pkg/netconf/testdata/invalid/*.json")
	if err != nil || len(files) < 10 {
		t.Fatalf("wrong configurations: %d, %v", len(files), err)
	}
	b := newBench(t, engines[0])
	for _, file := range files {
		conf, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		a := b.attach(nil, "wrong", "net1")
		a.conf = conf
		reply := a.call("ADD")
		if reply.Code == 0 || reply.Code >= 100 || reply.Msg == "" {
			t.Errorf("%s: code %d, want a CNI error: %s", file, reply.Code, reply.Msg)
		}
		if left := b.left(); left != "" {
			t.Errorf("%s: left behind:\n%s", file, left)
		}
	}
}

// TestNoVPP adds where no VPP runs: the error says so, and when to try again.
func TestNoVPP(t *testing.T) {
	onEach(t, func(b *bench) {
		must(b, b.host.Kill())
		b.attach(b.network("net", b.hostLocal(1)), "early", "net1").mustFail("ADD", 11, "VPP is not running", b.host.APISocket)
	})
}

// TestFailingIPAM names what is wrong with IPAM and leaves nothing.
func TestFailingIPAM(t *testing.T) {
	onEach(t, func(b *bench) {
		b.attach(b.network("net", object{"ipam": object{"type": "no-such-ipam"}}), "pod", "net1").
			mustFail("ADD", 7, "ipam.type", "no-such-ipam", bin)
		full := object{"ipam": object{"type": "host-local", "dataDir": b.ipamDir(), "subnet": "10.1.0.0/30"}}
		first := b.attach(b.network("net", full), "first", "net1")
		first.add()
		b.attach(b.network("net", full), "second", "net1").mustFail("ADD", 999, "host-local", "no IP addresses available")
		first.del()
	})
}

// TestLogFile finds the calls in the log file, and nothing but the result on
// stdout.
func TestLogFile(t *testing.T) {
	b := newBench(t, engines[0])
	path := filepath.Join(b.dir, "log", "cni.log")
	const secret = "not-for-the-log"
	a := b.attach(b.network("net", object{"logFile": path, "logLevel": "debug", "kubeconfig": "/unused", "host": object{
		"iftype": "memif", "netType": "bridge", "bridge": object{"bridgeId": 4}, "memif": object{"secret": secret},
	}}), "logged", "net1")
	a.add()
	b.restartVPP()
	a.add() // again, which logs more
	a.del()
	a.del()
	data, err := os.ReadFile(path)
	if err != nil || !strings.Contains(string(data), "container=logged") || !strings.Contains(string(data), "kubeconfig is not used") {
		t.Errorf("log: %v\n%s", err, data)
	}
	if strings.Contains(string(data), secret) {
		t.Errorf("the log has the memif secret:\n%s", data)
	}
}
