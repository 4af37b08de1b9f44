package netconf

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

const schemaFile = "../../docs/schema/network-configuration.schema.json"

// beyondSchema are the files on which schema and Parse don't agree, and why
// they can't.
var beyondSchema = map[string]string{
	"testdata/valid/case.json":                       "a schema matches keys exactly",
	"testdata/invalid/twice-exactly.json":            "a schema sees the last of equal keys",
	"testdata/invalid/two-bridges.json":              "compares two fields",
	"testdata/invalid/container-bridges-differ.json": "compares two fields",
	"testdata/invalid/secrets-differ.json":           "compares two fields",
	"testdata/invalid/secret-only-in-pod.json":       "compares two fields",
	"testdata/invalid/socketfiles-differ.json":       "compares two fields",
	"testdata/invalid/container-socketfile.json":     "compares two fields",
	"testdata/invalid/too-many-buffers.json":         "multiplies fields",
	"testdata/invalid/host-slave-rings.json":         "multiplies fields",
	"testdata/invalid/region-too-large.json":         "multiplies fields",
	"testdata/invalid/secret-bytes.json":             "a schema counts characters, VPP bytes",
}

// TestSchemaAgreesWithParse holds the published schema against the code, in
// both directions.
func TestSchemaAgreesWithParse(t *testing.T) {
	schema := compileSchema(t)
	for _, file := range append(jsonFiles(t, "valid"), jsonFiles(t, "invalid")...) {
		t.Run(filepath.Base(file), func(t *testing.T) {
			checkAgreement(t, schema, readFile(t, file), beyondSchema[file])
		})
	}
	for _, w := range wrongs {
		t.Run(w.path+"="+w.value, func(t *testing.T) {
			checkAgreement(t, schema, w.document(), w.beyondSchema)
		})
	}
	for name, document := range rightDocuments() {
		t.Run(name, func(t *testing.T) { checkAgreement(t, schema, document, "") })
	}
}

func checkAgreement(t *testing.T, schema *jsonschema.Schema, doc []byte, whyNot string) {
	t.Helper()
	_, parseErr := Parse(doc)
	schemaErr := validate(schema, doc)
	agree := (parseErr == nil) == (schemaErr == nil)
	if agree && whyNot != "" {
		t.Errorf("schema and Parse agree, though they shouldn't be able to: %s", whyNot)
	}
	if !agree && whyNot == "" {
		t.Errorf("they don't agree\nParse:  %v\nschema: %v\n%s", parseErr, schemaErr, doc)
	}
}

// TestSchemaNamesEveryField: no field is forgotten in the schema, or left in it.
func TestSchemaNamesEveryField(t *testing.T) {
	schema := compileSchema(t)
	host, container := follow(schema.Properties["host"]), follow(schema.Properties["container"])
	for _, c := range []struct {
		name   string
		schema *jsonschema.Schema
		fields []string
	}{
		{"top", schema, append(topFields.Names(), requestsFields.Names()...)},
		{"ipam", schema.Properties["ipam"], ipamFields.Names()},
		{"dns", schema.Properties["dns"], dnsFields.Names()},
		{"runtimeConfig", follow(schema.Properties["runtimeConfig"]), runtimeFields.Names()},
		{"args", schema.Properties["args"], argsFields.Names()},
		{"args.cni", follow(schema.Properties["args"].Properties["cni"]), requestFields.Names()},
		{"host", host, sideFields.Names()},
		{"container", container, sideFields.Names()},
		{"host.memif", follow(host.Properties["memif"]), memifFields.Names()},
		{"container.memif", follow(container.Properties["memif"]), memifFields.Names()},
		{"host.vhost", follow(host.Properties["vhost"]), vhostFields.Names()},
		{"container.vhost", follow(container.Properties["vhost"]), vhostFields.Names()},
		{"host.vcl", follow(host.Properties["vcl"]), vclFields.Names()},
		{"container.vcl", follow(container.Properties["vcl"]), vclFields.Names()},
		{"host.bridge", follow(host.Properties["bridge"]), bridgeFields.Names()},
		{"container.bridge", follow(container.Properties["bridge"]), bridgeFields.Names()},
	} {
		var names []string
		for n := range c.schema.Properties {
			names = append(names, n)
		}
		if got, want := sorted(names), sorted(c.fields); got != want {
			t.Errorf("%s: schema has %s, code has %s", c.name, got, want)
		}
	}
}

func TestSchemaHasAVersion(t *testing.T) {
	if id := compileSchema(t).ID; !strings.HasSuffix(strings.TrimSuffix(id, "#"), "/v1") {
		t.Errorf("$id is %s", id)
	}
}

func follow(s *jsonschema.Schema) *jsonschema.Schema {
	for s.Ref != nil {
		s = s.Ref
	}
	return s
}

func validate(schema *jsonschema.Schema, doc []byte) error {
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(doc))
	if err != nil {
		return err
	}
	return schema.Validate(v)
}

func compileSchema(t testing.TB) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(readFile(t, schemaFile)))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	id := doc.(map[string]any)["$id"].(string)
	if err := c.AddResource(id, doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile(id)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
