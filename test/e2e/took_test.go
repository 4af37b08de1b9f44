package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/userspace-cni/userspace-cni/test/e2e/cluster"
)

// stopwatch stands in for a plugin: it starts that, and notes in microseconds when it
// did and when that had ended. The shell's own start is not in it.
const stopwatch = `#!/bin/bash
begin=${EPOCHREALTIME/[.,]/}
"$0.real"
code=$?
echo "$CNI_COMMAND $CNI_IFNAME $begin ${EPOCHREALTIME/[.,]/}" >>%s
exit $code
`

// watch has a plugin on the node timed until the test's end. The answer is how long
// each of its ADDs for an interface has taken, its IPAM plugin's share included.
func watch(t *testing.T, plugin string) (adds func(ifName string) []time.Duration) {
	t.Helper()
	path, notes := filepath.Join(cluster.PluginsDir, plugin), "/var/log/took-"+plugin
	if err := os.Rename(path, path+".real"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.Rename(path+".real", path); err != nil {
			t.Error(err)
		}
	})
	if err := os.WriteFile(path, fmt.Appendf(nil, stopwatch, notes), 0o755); err != nil {
		t.Fatal(err)
	}
	return func(ifName string) []time.Duration { return readNotes(t, notes, ifName) }
}

func readNotes(t *testing.T, path, ifName string) (all []time.Duration) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		var command, name string
		var begin, end int64
		if _, err := fmt.Sscan(line, &command, &name, &begin, &end); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if command == "ADD" && name == ifName {
			all = append(all, time.Duration(end-begin)*time.Microsecond)
		}
	}
	return all
}
