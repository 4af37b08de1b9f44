package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strconv"

	"github.com/userspace-cni/userspace-cni/test/lab"
)

// memoryRuns is how many ADDs are sampled: the highest sample of all counts.
const memoryRuns = 20

func (b *bench) memory() error {
	conf := b.network()
	return b.peak("peak anonymous memory in ADD", 10, func(command string) lab.Call { return b.call(command, conf, "pod") })
}

// peak prints the most anonymous memory that the plugin has in an ADD.
func (b *bench) peak(what string, target float64, call func(command string) lab.Call) error {
	var highest uint64
	samples := 0
	for range memoryRuns {
		most, n, err := peakOf(call("ADD").Process(b.bin))
		if err != nil {
			return err
		}
		highest, samples = max(highest, most), samples+n
		if err := b.succeed(call("DEL")); err != nil {
			return err
		}
	}
	row{what, mib(highest), "MiB", target, fmt.Sprintf("highest of %d samples in %d runs", samples, memoryRuns)}.print()
	return nil
}

// peakOf samples a process's anonymous memory, in bytes, until it ends.
func peakOf(cmd *exec.Cmd) (highest uint64, samples int, err error) {
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Start(); err != nil {
		return 0, 0, err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for {
		select {
		case err := <-ended:
			if err != nil {
				err = fmt.Errorf("%w: %s", err, &output)
			}
			return highest, samples, err
		default:
		}
		if bytes, ok := status(cmd.Process.Pid, "RssAnon"); ok {
			highest, samples = max(highest, bytes), samples+1
		}
	}
}

// status is a size in a process's status (proc(5)), in bytes; not ok when it has
// ended.
func status(pid int, name string) (size uint64, ok bool) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, false
	}
	_, rest, found := bytes.Cut(status, []byte(name+":"))
	fields := bytes.Fields(rest)
	if !found || len(fields) == 0 {
		return 0, false
	}
	kilobytes, err := strconv.ParseUint(string(fields[0]), 10, 64)
	return kilobytes << 10, err == nil
}
