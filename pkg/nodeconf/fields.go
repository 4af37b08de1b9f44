package nodeconf

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/userspace-cni/userspace-cni/pkg/internal/fields"
)

// The tables below are every field there is.

var settingsFields = fields.Object[Settings]{Unknown: fields.RefuseUnknown, Fields: []fields.Field[Settings]{
	fields.Text("vppApiSocket", func(s *Settings) *string { return &s.VPPAPISocket }, fields.AbsolutePath(fields.MaxUnixPath)),
	fields.Parsed("addTimeout", func(s *Settings) *time.Duration { return &s.AddTimeout }, duration(), parseDuration),
	fields.Parsed("delTimeout", func(s *Settings) *time.Duration { return &s.DelTimeout }, duration(), parseDuration),
	fields.Parsed("statusTimeout", func(s *Settings) *time.Duration { return &s.StatusTimeout }, duration(), parseDuration),
	fields.Text("logFile", func(s *Settings) *string { return &s.LogFile }, fields.AbsolutePath(fields.MaxPath)),
	fields.Parsed("logLevel", func(s *Settings) *string { return &s.LogLevel }, fields.OneOfAnyCase(fields.LogLevels), fields.Lower),
	fields.Text("recordsDir", func(s *Settings) *string { return &s.RecordsDir }, fields.AbsolutePath(fields.MaxPath)),
	fields.Text("kubeconfig", func(s *Settings) *string { return &s.KubeConfig }, fields.AbsolutePath(fields.MaxPath)),
	fields.Boolean("allowHostSlave", func(s *Settings) *bool { return &s.AllowHostSlave }),
	fields.List("grants", "a list of objects", func(s *Settings) *[]Grant { return &s.Grants },
		fields.Nested("", fields.At[Grant], grantFields)),
}}

const namespaces = `a list of namespaces, or of "*" for all`

var grantFields = fields.Object[Grant]{Unknown: fields.RefuseUnknown, Fields: []fields.Field[Grant]{
	fields.List("namespaces", namespaces, func(g *Grant) *[]string { return &g.Namespaces }, fields.Word(orAll(namespace()))),
	fields.List("bridges", `a list of bridges, or of "*" for all`, func(g *Grant) *[]string { return &g.Bridges }, fields.Word(orAll(bridge()))),
	fields.List("vrfs", `a list of numbers, or of "*" for all`, func(g *Grant) *[]string { return &g.VRFs }, fields.NumberOr(table(), All)),
	fields.List("uplinks", `a list of interfaces, or of "*" for all`, func(g *Grant) *[]string { return &g.Uplinks },
		fields.Word(orAll(fields.Printable("the name of an interface of the host's VPP", 63)))),
	fields.List("vppApiSockets", `a list of paths, or of "*" for all`, func(g *Grant) *[]string { return &g.VPPAPISockets },
		fields.Word(orAll(fields.AbsolutePath(fields.MaxUnixPath)))),
}}

// orAll takes what ru takes, and All.
func orAll(ru fields.Rule[string]) fields.Rule[string] {
	return fields.Rule[string]{
		Allowed: ru.Allowed + `; or "*" for all`,
		OK:      func(v string) bool { return v == All || ru.OK(v) },
	}
}

const (
	shortest = 10 * time.Millisecond
	longest  = time.Hour
)

func duration() fields.Rule[string] {
	return fields.Rule[string]{
		Allowed: `a duration from 10ms to 1h as a string, such as "30s" or "1m30s"`,
		OK: func(v string) bool {
			d, err := time.ParseDuration(v)
			return err == nil && shortest <= d && d <= longest && v[0] != '+'
		},
	}
}

func parseDuration(v string) time.Duration {
	d, _ := time.ParseDuration(v)
	return d
}

// namespace is a DNS label, as Kubernetes has it.
func namespace() fields.Rule[string] {
	return fields.Rule[string]{
		Allowed: "a namespace: at most 63 lower-case letters, digits and '-', beginning and ending with a letter or digit",
		OK: func(v string) bool {
			return len(v) <= 63 && v == strings.ToLower(v) && fields.ConsistsOf(v, "-") && v[0] != '-' && v[len(v)-1] != '-'
		},
	}
}

// table: the limits of netconf.MaxVRF.
func table() fields.Rule[int64] {
	return fields.Rule[int64]{
		Allowed: `a number from 0 to 4294967294; or "*" for all`,
		OK:      func(v int64) bool { return 0 <= v && v <= 1<<32-2 },
	}
}

// bridge is the key of a bridge domain, in the one spelling that netconf's
// Bridge.Key gives: another would never match.
func bridge() fields.Rule[string] {
	return fields.Rule[string]{
		Allowed: "a bridge's number from 1 to 16777215, or its name, with a VLAN after a dot: \"4\", \"blue\", \"4.100\", \"blue.100\"",
		OK:      isKey,
	}
}

func isKey(v string) bool {
	if dot := strings.LastIndexByte(v, '.'); dot > 0 && dot+1 < len(v) && fields.IsDigits(v[dot+1:]) {
		if !isNumber(v[dot+1:], 4094) {
			return false
		}
		v = v[:dot]
		if dot = strings.LastIndexByte(v, '.'); dot >= 0 && dot+1 < len(v) && fields.IsDigits(v[dot+1:]) {
			return false
		}
	}
	if fields.IsDigits(v) {
		return isNumber(v, 1<<24-1)
	}
	return len(v) <= 63 && fields.ConsistsOf(v, "_.-") && v[0] != '.' && v[0] != '-'
}

// isNumber tells whether digits are a number from 1 in its shortest spelling.
func isNumber(digits string, highest int) bool {
	n, err := strconv.Atoi(digits)
	return err == nil && 1 <= n && n <= highest && fmt.Sprint(n) == digits
}
