package suite

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/userspace-cni/userspace-cni/pkg/state"
	"github.com/userspace-cni/userspace-cni/pkg/vppsim/fault"
	"github.com/userspace-cni/userspace-cni/test/lab"
)

// hushed are the secrets of the test; whatever else they are in, no text that
// people read has what they have in common.
const hushed = "hush-0123456789"

// listener collects what the programs say.
type listener struct {
	b     *bench
	heard int
}

// hear asserts that nothing of a text tells a secret.
func (l *listener) hear(what string, texts ...string) {
	l.b.Helper()
	for _, text := range texts {
		l.heard++
		if i := strings.Index(text, hushed); i >= 0 {
			l.b.Errorf("%s tells the secret: …%s…", what, text[max(0, i-200):min(len(text), i+100)])
		}
	}
}

func (l *listener) call(what string, a attachment, command string) lab.Reply {
	l.b.Helper()
	reply := a.call(command)
	l.hear(what+" "+command, reply.Stdout, reply.Stderr, reply.Msg, reply.Details)
	return reply
}

// TestSecretsStaySecret calls everything with a secret in the configuration, with
// success and without, as loud as it gets: neither log, error nor result tells it,
// and the files that have it are for those alone who may know.
func TestSecretsStaySecret(t *testing.T) {
	onEach(t, func(b *bench) {
		l := &listener{b: b}
		log := filepath.Join(b.dir, "log")
		loud := object{"logLevel": "verbose", "logFile": log}
		memif := func(memif any) object {
			return object{"host": object{"engine": "vpp", "iftype": "memif", "netType": "bridge", "bridge": object{"bridgeId": 4}, "memif": memif}}
		}
		p := b.pod("pod")
		conf := b.network("net", b.hostLocal(1), loud, memif(object{"secret": hushed}))
		a := p.attach(conf, "net1")
		for _, command := range []string{"ADD", "CHECK", "ADD", "STATUS"} {
			if err := l.call("the good one:", a, command).Error(); err != nil {
				b.Fatalf("%s: %v", command, err)
			}
		}
		l.files(a, p)
		l.commands()
		l.app(p, a)
		l.spoilt(a)
		for _, command := range []string{"CHECK", "DEL", "DEL"} {
			l.call("the end:", a, command)
		}
		l.refused(a)
		for what, wrong := range map[string]any{
			"too long":   object{"secret": hushed + strings.Repeat("x", 30)},
			"NUL":        object{"secret": hushed + "\x00"},
			"list":       []any{object{"secret": hushed}},
			"object":     object{"secret": object{"secret": hushed}},
			"misspelled": object{"secrte": hushed},
			"as a key":   object{"role": object{"secret": hushed}},
			"text":       "x",
			"beside":     object{"secret": hushed, "role": "chief"},
		} {
			wrong := p.attach(b.network("net", b.hostLocal(1), loud, memif(wrong)), "net1")
			for _, command := range []string{"ADD", "CHECK", "DEL", "STATUS"} {
				if reply := l.call(what, wrong, command); command == "ADD" && reply.Code == 0 {
					b.Errorf("%s: no error", what)
				}
			}
		}
		cut := a
		cut.conf = a.conf[:len(a.conf)-5]
		list := a
		list.conf = append(append([]byte("["), a.conf...), ']')
		for what, broken := range map[string]attachment{"cut short": cut, "a list": list} {
			l.call(what, broken, "ADD")
			l.call(what, broken, "DEL")
		}
		conf["cni.dev/valid-attachments"] = []any{}
		l.call("the network:", b.attach(conf, "", ""), "GC")
		data, err := os.ReadFile(log)
		must(b, err)
		l.hear("the log file", string(data))
		if len(data) == 0 {
			b.Error("nothing was logged")
		}
		b.summary("%d texts tell no secret, a log file of %d bytes among them", l.heard, len(data))
	})
}

// files looks at who may read the files with the secret.
func (l *listener) files(a attachment, p *pod) {
	l.b.Helper()
	for path, want := range map[string]fs.FileMode{
		a.recordPath():                                 0o600,
		filepath.Dir(a.recordPath()):                   0o700,
		filepath.Join(state.DefaultDir, "."):           0o711,
		filepath.Join(p.sharedDir(), a.contractName()): 0o440,
	} {
		info, err := os.Stat(path)
		must(l.b, err)
		if info.Mode().Perm() != want {
			l.b.Errorf("%s is %s, want %s", path, info.Mode().Perm(), want)
		}
		if data, err := os.ReadFile(path); err == nil && !strings.Contains(string(data), hushed) {
			l.b.Errorf("%s has no secret, and the test no meaning", path)
		}
	}
}

// commands runs what a person may run.
func (l *listener) commands() {
	l.b.Helper()
	for _, args := range [][]string{{"list"}, {"list", "--json"}, {"check"}, {"check", "--json"}, {"gc", "--dry-run"}} {
		out, err := exec.Command(filepath.Join(bin, "userspace"), append(args, "--vpp-api-socket", l.b.host.APISocket)...).CombinedOutput()
		if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) {
			l.b.Fatal(err)
		}
		l.hear(strings.Join(args, " "), string(out))
	}
}

// app runs usrsp-app with contracts that have the secret, and are wrong.
func (l *listener) app(p *pod, a attachment) {
	l.b.Helper()
	path := filepath.Join(p.sharedDir(), a.contractName())
	good, err := os.ReadFile(path)
	must(l.b, err)
	quoted, err := json.Marshal(hushed)
	must(l.b, err)
	for what, change := range map[string][2]string{
		"good":     {"", ""},
		"mode":     {`"mode":"ethernet"`, `"mode":"inject-punt"`},
		"too long": {string(quoted), `"` + hushed + strings.Repeat("x", 30) + `"`},
		"list":     {`"memif":{`, `"memif":[{"secret":"` + hushed + `"}],"was":{`},
		"object":   {string(quoted), `{"secret":` + string(quoted) + `}`},
		"newer":    {`"contractVersion":1`, `"contractVersion":9`},
		"cut":      {`"ipResult":{`, `"ipResult"`},
	} {
		must(l.b, os.WriteFile(path, []byte(strings.Replace(string(good), change[0], change[1], 1)), 0o440))
		out, _ := l.b.app(p)
		l.hear("usrsp-app with "+what, out)
	}
	must(l.b, os.WriteFile(path, good, 0o440))
	for _, args := range [][]string{{"show"}, {"show", "--json"}} {
		stdout, stderr, err := lab.App(bin, append(args, "--vpp-api-socket", p.vpp.APISocket)...)
		must(l.b, err)
		l.hear("usrsp-app show", stdout, stderr)
	}
}

// spoilt damages the record, which has the secret twice.
func (l *listener) spoilt(a attachment) {
	l.b.Helper()
	path := a.recordPath()
	good, err := os.ReadFile(path)
	must(l.b, err)
	for what, bad := range map[string]string{
		"cut":  string(good[:len(good)-9]),
		"spec": strings.Replace(string(good), `"kind":"memif"`, `"kind":"warp"`, 1),
		"mode": strings.Replace(string(good), `"mode":"ethernet"`, `"mode":{"secret":"`+hushed+`"}`, 1),
		"late": strings.Replace(string(good), `"version":1`, `"version":9`, 1),
	} {
		must(l.b, os.WriteFile(path, []byte(bad), 0o600))
		l.call("record, "+what+":", a, "CHECK")
		l.commands()
		l.call("record, "+what+":", a, "ADD")
	}
}

// refused has VPP refuse each message in turn.
func (l *listener) refused(a attachment) {
	l.b.Helper()
	for n := 1; ; n++ {
		proxy := l.b.faulty(fault.Refuse, n)
		var conf object
		must(l.b, json.Unmarshal(a.conf, &conf))
		conf["vppApiSocket"] = proxy.Path
		refused := a
		refused.conf = encode(l.b.T, conf)
		reply := l.call("refused:", refused, "ADD")
		l.call("refused:", refused, "DEL")
		refused.del()
		must(l.b, proxy.Close())
		if reply.Code == 0 {
			return
		}
	}
}
