package nodeconf

import (
	"bytes"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

const schemaFile = "../../docs/schema/node-settings.schema.json"

// beyondSchema are the files on which schema and Parse don't agree, and why
// they can't.
var beyondSchema = map[string]string{
	"testdata/valid/left-out.json": "a schema matches keys exactly",
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
	for _, x := range append(slices.Clone(wrongs), rights...) {
		t.Run(x.path+"="+x.value, func(t *testing.T) {
			checkAgreement(t, schema, x.document(), x.beyondSchema)
		})
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

// TestSchemaNamesEveryField: no field is forgotten in the schema and the
// reference, or left in them.
func TestSchemaNamesEveryField(t *testing.T) {
	schema := compileSchema(t)
	docs := string(readFile(t, "../../docs/configuration.md"))
	for _, c := range []struct {
		schema *jsonschema.Schema
		fields []string
	}{
		{schema, settingsFields.Names()},
		{schema.Properties["grants"].Items2020, grantFields.Names()},
	} {
		var names []string
		for n, property := range c.schema.Properties {
			names = append(names, n)
			if property.Description == "" {
				t.Errorf("%s has no description", n)
			}
			if !strings.Contains(docs, "`"+n+"`") {
				t.Errorf("%s isn't in the reference", n)
			}
		}
		slices.Sort(names)
		if want := slices.Sorted(slices.Values(c.fields)); !slices.Equal(names, want) {
			t.Errorf("schema has %s, code has %s", names, want)
		}
	}
	if !strings.HasSuffix(strings.TrimSuffix(schema.ID, "#"), "/node-settings/v1") {
		t.Errorf("$id is %s", schema.ID)
	}
}

// TestDocsExample: what the reference shows is right, and what it says of the
// defaults too.
func TestDocsExample(t *testing.T) {
	docs := string(readFile(t, "../../docs/configuration.md"))
	_, example, _ := strings.Cut(docs, "```json node\n")
	example, _, _ = strings.Cut(example, "```")
	if s, err := Parse([]byte(example)); err != nil || len(s.Grants) != 2 {
		t.Errorf("%v: %+v", err, s)
	}
	d := Default()
	for _, text := range []string{
		"| `vppApiSocket` | absolute path, at most 107 bytes | `" + d.VPPAPISocket + "`", "| `recordsDir` | absolute path | `" + d.RecordsDir + "`",
		"| `\"" + d.AddTimeout.String() + "\"` | time for one ADD", "| `\"" + d.DelTimeout.String() + "\"` | time for one DEL",
		"| `\"" + d.StatusTimeout.String() + "\"` | time for one STATUS", DefaultPath,
	} {
		if !strings.Contains(docs, text) {
			t.Errorf("the reference doesn't say %s", text)
		}
	}
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
