package netconf

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

const docsFile = "../../docs/configuration.md"

// TestDocsNameEveryField: the reference has every field.
func TestDocsNameEveryField(t *testing.T) {
	docs := string(readFile(t, docsFile))
	fields := slices.Concat(topFields.Names(), dnsFields.Names(), sideFields.Names(),
		memifFields.Names(), vhostFields.Names(), vclFields.Names(), bridgeFields.Names(), []string{"CNIDeviceInfoFile"})
	for _, f := range fields {
		if !strings.Contains(docs, "`"+f+"`") {
			t.Errorf("%s isn't in %s", f, docsFile)
		}
	}
	for _, v := range slices.Concat(cniVersions, logLevels, engines, ifTypes, netTypes, roles, memifModes, socketTypes, rxModes, vhostModes, vclChoices, vclScopes, vlanModes) {
		if !strings.Contains(docs, "`"+v+"`") {
			t.Errorf("the value %s isn't in %s", v, docsFile)
		}
	}
}

// TestDocsExamples: the first two examples mean the same, and the third gives
// the message that follows it.
func TestDocsExamples(t *testing.T) {
	docs := string(readFile(t, docsFile))
	good := fenced(docs, "json")
	if len(good) != 2 {
		t.Fatalf("%d examples", len(good))
	}
	short, err := Parse([]byte(good[0]))
	if err != nil {
		t.Fatal(err)
	}
	long, err := Parse([]byte(good[1]))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(short, long, cmpopts.IgnoreUnexported(NetConf{})); diff != "" {
		t.Errorf("not the same:\n%s", diff)
	}
	_, err = Parse([]byte(fenced(docs, "json invalid")[0]))
	if diff := cmp.Diff(fenced(docs, "text")[0], err.Error()+"\n"); diff != "" {
		t.Errorf("message (-docs +real):\n%s", diff)
	}
}

// TestDocsVCLExample: the example is right, and says nothing that deserves a warning.
func TestDocsVCLExample(t *testing.T) {
	conf, err := Parse([]byte(fenced(string(readFile(t, docsFile)), "json vcl")[0]))
	if err != nil {
		t.Fatal(err)
	}
	if len(conf.Warnings) > 0 || conf.Host.VCL.Default != VCLDisable || conf.Container.VCL.RxFifoSize != 1<<20 {
		t.Errorf("%v, %s", conf.Warnings, compact(t, conf.Container))
	}
}

// TestDocsDeviceInfo: the example gives the file that follows it.
func TestDocsDeviceInfo(t *testing.T) {
	docs := string(readFile(t, docsFile))
	conf, err := Parse([]byte(fenced(docs, "json capability")[0]))
	if err != nil {
		t.Fatal(err)
	}
	info, _ := conf.Container.DeviceInfo("/usrspcni/" + conf.Host.Socket().Name)
	got := info.JSON()
	if diff := cmp.Diff(fenced(docs, "json device-info")[0], string(got)+"\n"); diff != "" {
		t.Errorf("device information (-docs +real):\n%s", diff)
	}
}

// TestMigrationExample: the refused definition gives the message that follows
// it.
func TestMigrationExample(t *testing.T) {
	docs := string(readFile(t, "../../docs/migration.md"))
	_, err := Parse([]byte(fenced(docs, "json refused")[0]))
	if err == nil {
		t.Fatal("it is accepted")
	}
	if diff := cmp.Diff(fenced(docs, "text")[0], err.Error()+"\n"); diff != "" {
		t.Errorf("message (-docs +real):\n%s", diff)
	}
}

// fenced lists the code blocks that are marked with kind.
func fenced(docs, kind string) (blocks []string) {
	parts := strings.Split(docs, "```"+kind+"\n")
	for _, p := range parts[1:] {
		block, _, _ := strings.Cut(p, "```")
		blocks = append(blocks, block)
	}
	return blocks
}
