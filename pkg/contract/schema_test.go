package contract

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/userspace-cni/userspace-cni/pkg/netconf"
)

const schemaFile = "../../docs/schema/contract.schema.json"

// TestSchemaAgreesWithParse holds the published schema against the code, in
// both directions.
func TestSchemaAgreesWithParse(t *testing.T) {
	schema := compileSchema(t)
	for _, file := range append(jsonFiles(t, "valid"), jsonFiles(t, "invalid")...) {
		t.Run(filepath.Base(file), func(t *testing.T) {
			doc := readFile(t, file)
			_, parseErr := Parse(doc)
			schemaErr := validate(schema, doc)
			if valid := strings.HasPrefix(file, "testdata/valid"); valid != (parseErr == nil) || valid != (schemaErr == nil) {
				t.Errorf("Parse: %v\nschema: %v", parseErr, schemaErr)
			}
		})
	}
}

// TestSchemaAgreesOnWrongs: each field of the full entry with a wrong value.
func TestSchemaAgreesOnWrongs(t *testing.T) {
	checkWrongs(t, goldenFile, map[string]string{
		"contractVersion": "2", "containerId": "7", "ifName": `""`, "name": `""`, "created": `"yesterday"`,
		"config": "[]", "ipResult": "7", "config.engine": "7", "config.mtu": "1.5", "config.mac": "false",
		"config.memif": "[]", "config.memif.role": "7", "config.memif.ringSize": "-1", "config.memif.bufferSize": "65536",
		"config.memif.rxQueues": "256", "config.memif.txQueues": `"1"`, "config.memif.secret": "1",
		"config.memif.noZeroCopy": `"yes"`, "config.memif.useDma": "1", "config.memif.socketfile": "{}",
		"ipResult.ips": "{}", "ipResult.routes": "7", "ipResult.dns": "[]", "ipResult.cniVersion": "1",
	})
	checkWrongs(t, "testdata/valid/vcl.json", map[string]string{
		"config.vcl": "7", "config.vcl.socketName": `"a b"`, "config.vcl.socketType": `"tcp"`, "config.vcl.scopes": `["galactic"]`,
		"config.vcl.rxFifoSize": "4095", "config.vcl.txFifoSize": "1073741825", "config.vcl.addresses": `["10.56.218.7/24"]`,
	})
	checkWrongs(t, "testdata/valid/vcl.json", map[string]string{
		"config.vcl.socketName": "7", "config.vcl.socketType": "true", "config.vcl.scopes": `"local"`, "config.vcl.rxFifoSize": "-1",
		"config.vcl.txFifoSize": "0.5", "config.vcl.addresses": `["fe80::1%eth0"]`,
	})
	checkWrongs(t, "testdata/valid/vcl.json", map[string]string{"config.vcl.addresses": `[""]`, "config.vcl.scopes": `[""]`})
}

// checkWrongs puts each value into the valid entry of a file.
func checkWrongs(t *testing.T, file string, wrongs map[string]string) {
	t.Helper()
	schema := compileSchema(t)
	for path, value := range wrongs {
		t.Run(path+"="+value, func(t *testing.T) {
			var doc any
			if err := json.Unmarshal(readFile(t, file), &doc); err != nil {
				t.Fatal(err)
			}
			at := doc.(map[string]any)
			keys := strings.Split(path, ".")
			for _, key := range keys[:len(keys)-1] {
				at = at[key].(map[string]any)
			}
			last := keys[len(keys)-1]
			if _, ok := at[last]; !ok {
				t.Fatalf("%s has no %s", file, path)
			}
			at[last] = json.RawMessage(value)
			data, err := json.Marshal(doc)
			if err != nil {
				t.Fatal(err)
			}
			_, parseErr := Parse(data)
			if schemaErr := validate(schema, data); parseErr == nil || schemaErr == nil {
				t.Errorf("Parse: %v\nschema: %v", parseErr, schemaErr)
			}
		})
	}
}

// TestSchemaNamesEveryField: no field is forgotten in the schema, or left in it.
func TestSchemaNamesEveryField(t *testing.T) {
	schema := compileSchema(t)
	config, ips := schema.Properties["config"], schema.Properties["ipResult"]
	for name, c := range map[string]struct {
		schema *jsonschema.Schema
		code   any
	}{
		"entry":    {schema, Entry{}},
		"config":   {config, netconf.Side{}},
		"memif":    {config.Properties["memif"], netconf.Memif{}},
		"vhost":    {config.Properties["vhost"], netconf.Vhost{}},
		"vcl":      {config.Properties["vcl"], netconf.VCL{}},
		"bridge":   {config.Properties["bridge"], netconf.Bridge{}},
		"ipResult": {ips, IPResult{}},
		"ips":      {ips.Properties["ips"].Items2020, IP{}},
		"routes":   {ips.Properties["routes"].Items2020, Route{}},
	} {
		var names []string
		for n, property := range c.schema.Properties {
			names = append(names, n)
			if property.Description == "" {
				t.Errorf("%s.%s has no description", name, n)
			}
		}
		slices.Sort(names)
		if diff := cmp.Diff(fieldsOf(c.code), names); diff != "" {
			t.Errorf("%s (-code +schema):\n%s", name, diff)
		}
	}
}

// fields are the JSON names of a struct's fields.
func fieldsOf(v any) []string {
	var names []string
	for field := range reflect.TypeOf(v).Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func TestSchemaHasAVersion(t *testing.T) {
	if id := compileSchema(t).ID; !strings.HasSuffix(strings.TrimSuffix(id, "#"), "/contract/v1") {
		t.Errorf("$id is %s", id)
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
	c.AssertFormat()
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
