package nodeconf

import (
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// TestGolden turns every file of testdata into text: a valid one into what was
// made of it, an invalid one into its faults.
func TestGolden(t *testing.T) {
	for _, file := range append(jsonFiles(t, "valid"), jsonFiles(t, "invalid")...) {
		t.Run(strings.TrimPrefix(file, "testdata/"), func(t *testing.T) {
			s, err := Parse(readFile(t, file))
			if wantErr := strings.HasPrefix(file, "testdata/invalid/"); (err != nil) != wantErr {
				t.Fatalf("Parse: error %v, want one: %t", err, wantErr)
			}
			got := render(t, s)
			if err != nil {
				got = err.Error() + "\n"
			}
			golden := strings.TrimSuffix(file, ".json") + ".golden"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(string(readFile(t, golden)), got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", golden, diff)
			}
		})
	}
}

// render spells settings out, durations as people write them.
func render(t *testing.T, s Settings) string {
	t.Helper()
	b, err := json.MarshalIndent(struct {
		Settings
		AddTimeout, DelTimeout, StatusTimeout string
	}{s, s.AddTimeout.String(), s.DelTimeout.String(), s.StatusTimeout.String()}, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return string(b) + "\n"
}

// wrong is a value that is refused, with the field that has to be named and
// what the message has to say is allowed.
type wrong struct {
	path, value, at, allowed string
	beyondSchema             string // why the schema can't see it
}

const (
	durationText = "a duration from 10ms to 1h"
	pathText     = "an absolute path"
)

// wrongs has every field wrong in every way that there is a rule against.
var wrongs = slices.Concat([]wrong{
	{path: "vppApiSocket", value: `"api.sock"`, allowed: pathText},
	{path: "kubeconfig", value: `"plugin.kubeconfig"`, allowed: pathText},
	{path: "vppApiSocket", value: `"/` + strings.Repeat("a", 107) + `"`, allowed: "at most 107 bytes"},
	{path: "vppApiSocket", value: `1`, allowed: pathText},
	{path: "logFile", value: `"node.log"`, allowed: pathText},
	{path: "logLevel", value: `"trace"`, allowed: `"panic", "error"`},
	{path: "logLevel", value: `3`, allowed: `"panic", "error"`},
	{path: "recordsDir", value: `"run"`, allowed: pathText},
	{path: "recordsDir", value: `"/a\u0000"`, allowed: pathText},
	{path: "allowHostSlave", value: `"true"`, allowed: "true, false"},
	{path: "grants", value: `{}`, allowed: "a list of objects"},
	{path: "grants", value: `[null]`, at: "grants[0]", allowed: "a list of objects"},
	{path: "grants", value: `["*"]`, at: "grants[0]", allowed: "an object"},
	{path: "grants", value: `[{}]`, at: "grants[0].namespaces", allowed: "a list of namespaces"},
	{path: "grants", value: `[{"namespaces":[]}]`, at: "grants[0].namespaces", allowed: "a list of namespaces"},
	{path: "grants", value: `[{"namespaces":["a"]},{"namespaces":null}]`, at: "grants[1].namespaces", allowed: "a list of namespaces"},
	{path: "unheardOf", value: `1`, allowed: "vppApiSocket, addTimeout"},
	{path: "grants", value: `[{"namespaces":["a"],"unheardOf":1}]`, at: "grants[0].unheardOf", allowed: "namespaces, bridges"},
},
	durations("addTimeout"), durations("delTimeout"), durations("statusTimeout"),
	granted("namespaces", `"a"`, "a list of namespaces"),
	element("namespaces", "a namespace", `1`, `""`, `null`, `"A"`, `"a.b"`, `"-a"`, `"a-"`, `"a_b"`, `"**"`, `"`+strings.Repeat("a", 64)+`"`),
	granted("bridges", `"*"`, "a list of bridges"),
	element("bridges", "a bridge's number", `4`, `""`, `"0"`, `"004"`, `"16777216"`, `"4.0"`, `"4.0100"`, `"4.4095"`,
		`"blue.100.5"`, `"-a"`, `".a"`, `"a b"`, `"blue.*"`, `"`+strings.Repeat("a", 64)+`"`, `"99999999999999999999"`),
	granted("vrfs", `7`, "a list of numbers"),
	element("vrfs", "a number from 0 to 4294967294", `"7"`, `""`, `-1`, `4294967295`, `1.5`, `[]`),
	granted("uplinks", `"*"`, "a list of interfaces"),
	element("uplinks", "the name of an interface", `""`, `"a b"`, `1`, `"`+strings.Repeat("a", 64)+`"`),
	granted("vppApiSockets", `"*"`, "a list of paths"),
	element("vppApiSockets", pathText, `""`, `"api.sock"`, `{}`),
)

func durations(field string) (list []wrong) {
	for _, v := range []string{`30`, `"30"`, `"s"`, `"-30s"`, `"+30s"`, `"1d"`, `"30 s"`} {
		list = append(list, wrong{path: field, value: v, allowed: durationText})
	}
	for _, v := range []string{`"0s"`, `"9ms"`, `"1h1ns"`, `"99999999999h"`} {
		list = append(list, wrong{path: field, value: v, allowed: durationText, beyondSchema: "a schema doesn't know durations"})
	}
	return list
}

// granted has a list of a grant that is none.
func granted(field, value, allowed string) []wrong {
	doc := `[{"namespaces":["a"],"` + field + `":` + value + `}]`
	if field == "namespaces" {
		doc = `[{"namespaces":` + value + `}]`
	}
	return []wrong{{path: "grants", value: doc, at: "grants[0]." + field, allowed: allowed}}
}

// element has single elements of such a list wrong.
func element(field, allowed string, values ...string) (list []wrong) {
	for _, v := range values {
		x := granted(field, `[`+v+`]`, allowed)[0]
		x.at += "[0]"
		if v == "null" {
			x.allowed = "a list of"
		}
		list = append(list, x)
	}
	return list
}

// rights are the ends of the ranges.
var rights = []wrong{
	{path: "addTimeout", value: `"10ms"`},
	{path: "delTimeout", value: `"1h"`},
	{path: "statusTimeout", value: `".5s"`},
	{path: "vppApiSocket", value: `"/` + strings.Repeat("a", 106) + `"`},
	{path: "logLevel", value: `"Verbose"`},
	{path: "allowHostSlave", value: `null`},
	{path: "grants", value: `[{"namespaces":["a","0-9","` + strings.Repeat("a", 63) + `"]}]`},
	{path: "grants", value: `[{"namespaces":["*"],"bridges":["1","16777215","16777215.4094","` + strings.Repeat("a", 63) + `.1","_","4a","a..b","a.","4.a"]}]`},
	{path: "grants", value: `[{"namespaces":["*"],"vrfs":[0,4294967294,1e3,"*"]}]`},
	{path: "grants", value: `[{"namespaces":["*"],"uplinks":["~","host-eth0","*"],"vppApiSockets":["/a","*"]}]`},
}

func (x wrong) document() []byte { return []byte(`{"` + x.path + `":` + x.value + `}`) }

func TestEveryFieldWrong(t *testing.T) {
	for _, x := range wrongs {
		t.Run(x.path+"="+x.value, func(t *testing.T) {
			_, err := Parse(x.document())
			var all Errors
			if !errors.As(err, &all) || len(all) != 1 {
				t.Fatalf("not one fault: %v", err)
			}
			if want := firstOf(x.at, x.path); all[0].Field != want {
				t.Errorf("%q doesn't name %s", all[0], want)
			}
			if !strings.Contains(all[0].Allowed, x.allowed) {
				t.Errorf("%q doesn't say that allowed is %s", all[0], x.allowed)
			}
		})
	}
}

func firstOf(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func TestEndsOfRanges(t *testing.T) {
	for _, g := range rights {
		if _, err := Parse(g.document()); err != nil {
			t.Errorf("%s=%s: %v", g.path, g.value, err)
		}
	}
}

// TestEveryFieldIsWrongOnce: none is forgotten above.
func TestEveryFieldIsWrongOnce(t *testing.T) {
	for _, f := range settingsFields.Names() {
		if !slices.ContainsFunc(wrongs, func(x wrong) bool { return x.path == f }) {
			t.Errorf("%s is never wrong", f)
		}
	}
	for _, f := range grantFields.Names() {
		if !slices.ContainsFunc(wrongs, func(x wrong) bool { return x.at == "grants[0]."+f }) {
			t.Errorf("grants.%s is never wrong", f)
		}
	}
}

func TestDefault(t *testing.T) {
	s, err := Parse([]byte(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Default(), s); diff != "" {
		t.Errorf("an empty file isn't the default:\n%s", diff)
	}
}

func TestGranted(t *testing.T) {
	full, err := Parse(readFile(t, "testdata/valid/full.json"))
	if err != nil {
		t.Fatal(err)
	}
	bridges := func(g Grant) []string { return g.Bridges }
	for _, c := range []struct {
		settings  Settings
		namespace string
		want      []string
		all       bool
	}{
		{Default(), "any", nil, true},
		{Settings{Grants: []Grant{}}, "any", nil, false},
		{full, "any", []string{"4", "blue", "blue.100"}, false},
		{full, "", []string{"4", "blue", "blue.100"}, false},
		{full, "telco", nil, true},
		{Settings{Grants: []Grant{{Namespaces: []string{"a"}, Bridges: []string{"2"}}, {Namespaces: []string{"a"}, Bridges: []string{"1", "2"}}}}, "a", []string{"1", "2"}, false},
		{Settings{Grants: []Grant{{Namespaces: []string{""}, Bridges: []string{"2"}}}}, "", nil, false},
	} {
		got, all := c.settings.Granted(c.namespace, bridges)
		if all != c.all || !slices.Equal(got, c.want) {
			t.Errorf("%q: %v %t, want %v %t", c.namespace, got, all, c.want, c.all)
		}
	}
}

// FuzzParse: nothing panics, an error has words, and what is accepted is
// within its limits.
func FuzzParse(f *testing.F) {
	for _, file := range append(jsonFiles(f, "valid"), jsonFiles(f, "invalid")...) {
		f.Add(readFile(f, file))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := Parse(data)
		if err != nil {
			var faults Errors
			if !errors.As(err, &faults) || slices.ContainsFunc(faults, func(e *Error) bool { return e.Field == "" || e.Problem == "" }) {
				t.Errorf("names no field: %v", err)
			}
			return
		}
		if s.VPPAPISocket[0] != '/' || s.RecordsDir[0] != '/' || s.AddTimeout < shortest || s.DelTimeout > longest {
			t.Errorf("%+v", s)
		}
		for _, g := range s.Grants {
			if len(g.Namespaces) == 0 || slices.Contains(slices.Concat(g.Namespaces, g.Bridges, g.VRFs, g.Uplinks, g.VPPAPISockets), "") {
				t.Errorf("a grant with nothing in it: %+v", g)
			}
		}
	})
}

func jsonFiles(t testing.TB, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", dir, "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no files in testdata/%s: %v", dir, err)
	}
	return files
}

func readFile(t testing.TB, file string) []byte {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
