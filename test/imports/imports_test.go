package imports

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/build"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/userspace-cni/userspace-cni/"

// layers are the top directories, each with those that it may import.
var layers = map[string][]string{
	"pkg":       {"pkg"},
	"cnivpp":    {"pkg", "cnivpp"},
	"userspace": {"pkg", "cnivpp", "userspace"},
	// The agent may be large: nobody waits for its start.
	"userspace-node": {"pkg", "cnivpp", "userspace", "userspace-node"},
	"usrsp-app":      {"pkg", "cnivpp", "usrsp-app"},
	"cmd":            {"pkg", "userspace", "userspace-node", "usrsp-app"},
	"test":           {"pkg", "cnivpp", "userspace", "userspace-node", "usrsp-app", "test"},
}

// reserved are imports that only some packages may have, by their prefix.
var reserved = map[string][]string{
	// The node agent lives long enough to pay for them; TestPluginStaysSmall
	// keeps them out of the plugin.
	"k8s.io/client-go":       {"pkg/kube", "userspace-node"},
	"k8s.io/api":             {"pkg/kube", "userspace-node"},
	"k8s.io/apimachinery":    {"pkg/kube", "userspace-node"},
	"go.fd.io/govpp":         {"pkg/vppapi", "pkg/vppsim", "cnivpp", "test"},
	"go.fd.io/govpp/core":    {"test"},
	"go.fd.io/govpp/adapter": {"test", "userspace-node"},
	// The binary API's bindings link net/http through this one.
	"go.fd.io/govpp/binapi/vpe": {"pkg/vppsim", "test"},
	"net/http":                  {"pkg/kube", "userspace-node", "usrsp-app", "test"},
	"github.com/prometheus":     {"userspace-node"},

	"github.com/containernetworking/cni/pkg/skel": {"cmd", "userspace", "test"},
	"github.com/containernetworking/plugins":      {"userspace", "test"},
	"github.com/sirupsen/logrus":                  {},
	// Tests read device information by its types, which link apimachinery.
	"github.com/k8snetworkplumbingwg": {},
	module + "pkg/vppsim":             {"pkg/vppsim", "cmd/vppsim", "test"},
	module + "pkg/vppapi":             {"cnivpp", "userspace", "userspace-node", "usrsp-app", "test"},
	module + "userspace-node":         {"userspace-node", "cmd/userspace-node", "test"},
	module + "cnivpp/memif":           {"cnivpp"},
	module + "cnivpp/vhostuser":       {"cnivpp"},
	"net":                             {"pkg/vppapi", "pkg/vppsim", "pkg/netconf", "cnivpp", "cmd/vppsim", "userspace", "userspace-node", "usrsp-app", "test"},
}

// pkg is what the go command says of a package.
type pkg struct {
	ImportPath string
	Imports    []string
}

func (p pkg) name() string { return strings.TrimPrefix(p.ImportPath, module) }

func (p pkg) top() string {
	top, _, _ := strings.Cut(p.name(), "/")
	return top
}

func list(t *testing.T, args ...string) []pkg {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list", "-json=ImportPath,Imports"}, args...)...)
	cmd.Dir = "../.."
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var all []pkg
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

func TestLayers(t *testing.T) {
	for _, p := range list(t, "./...") {
		allowed, ok := layers[p.top()]
		if !ok {
			t.Errorf("%s is in no layer: add %s to the rules", p.name(), p.top())
		}
		for _, path := range p.Imports {
			if !strings.HasPrefix(path, module) {
				continue
			}
			imported := pkg{ImportPath: path}
			if !slices.Contains(allowed, imported.top()) {
				t.Errorf("%s imports %s; %s may import: %s", p.name(), imported.name(), p.top(), strings.Join(allowed, ", "))
			}
		}
	}
}

// TestKindsAreAlone: a kind of endpoint is a folder of cnivpp that uses only
// what all of them share, and the registry alone uses it.
func TestKindsAreAlone(t *testing.T) {
	const shared = "cnivpp/vpp"
	for _, p := range list(t, "./cnivpp/...") {
		for _, path := range p.Imports {
			imported := strings.TrimPrefix(path, module)
			isKind := strings.HasPrefix(imported, "cnivpp/") && imported != shared
			if isKind && p.name() != "cnivpp" {
				t.Errorf("%s imports the kind %s", p.name(), imported)
			}
			if imported == "cnivpp" {
				t.Errorf("%s imports the registry", p.name())
			}
		}
	}
}

func TestReserved(t *testing.T) {
	for _, p := range list(t, "./...") {
		for _, path := range p.Imports {
			rule, users := ruleFor(path)
			if rule != "" && !slices.ContainsFunc(users, func(user string) bool { return within(p.name(), user) }) {
				t.Errorf("%s imports %s; only these may: %s", p.name(), path, strings.Join(users, ", "))
			}
		}
	}
}

// ruleFor returns the longest rule that the import falls under.
func ruleFor(path string) (rule string, users []string) {
	for prefix, allowed := range reserved {
		exact := prefix == "net" // net/netip is another matter
		if (path == prefix || !exact && within(path, prefix)) && len(prefix) > len(rule) {
			rule, users = prefix, allowed
		}
	}
	return rule, users
}

func within(path, dir string) bool { return path == dir || strings.HasPrefix(path, dir+"/") }

// TestPluginStaysSmall: each of these costs every CNI call time at its start.
func TestPluginStaysSmall(t *testing.T) {
	for _, p := range list(t, "-deps", "./cmd/userspace") {
		for _, heavy := range []string{
			"k8s.io/client-go", "k8s.io/apimachinery", "k8s.io/api", "github.com/sirupsen/logrus", "go.fd.io/govpp/core", "github.com/vishvananda/netlink",
			module + "userspace-node", "github.com/prometheus",
		} {
			if within(p.ImportPath, heavy) {
				t.Errorf("cmd/userspace links %s", p.ImportPath)
			}
		}
	}
}

// TestPackagesAreDescribed: each has a doc.go that says what it owns.
func TestPackagesAreDescribed(t *testing.T) {
	for _, p := range list(t, "./...") {
		if p.top() == "cmd" {
			continue
		}
		described, err := build.ImportDir(filepath.Join("../..", p.name()), 0)
		if err != nil {
			if none := new(build.NoGoError); !errors.As(err, &none) {
				t.Errorf("%s: %v", p.name(), err)
			}
			continue
		}
		if _, err := os.Stat(filepath.Join("../..", p.name(), "doc.go")); err != nil || described.Doc == "" {
			t.Errorf("%s has no doc.go with a paragraph on it", p.name())
		}
	}
}
