package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/userspace-cni/userspace-cni/test/lab"
)

// programs measures what needs no VPP.
func programs(bin string) error {
	version := subject{process: func(int) (*exec.Cmd, error) {
		return lab.Call{Command: "VERSION", Config: versionRequest}.Process(bin), nil
	}}
	empty := subject{process: func(int) (*exec.Cmd, error) {
		cmd := exec.Command(filepath.Join(bin, "empty"))
		cmd.Stdin = bytes.NewReader(versionRequest) // the same pipe to feed
		return cmd, nil
	}}
	c, err := compare(200, version, empty)
	if err != nil {
		return err
	}
	c.row("VERSION / an empty Go program", 4).print()
	file, err := os.Stat(filepath.Join(bin, "userspace"))
	if err != nil {
		return err
	}
	row{what: "size of the program", figure: mib(uint64(file.Size())), unit: "MiB"}.print()
	return nil
}

var versionRequest = []byte(`{"cniVersion":"1.1.0"}`)

func mib(bytes uint64) float64 { return float64(bytes) / (1 << 20) }
