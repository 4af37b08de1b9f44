package main

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"time"

	"github.com/userspace-cni/userspace-cni/test/lab"
)

// binVariable hands the directory of the built programs on to the lab.
const binVariable = "USERSPACE_CNI_BIN"

func main() {
	code, err := run()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		code = 1
	}
	os.Exit(code)
}

func run() (int, error) {
	bin := os.Getenv(binVariable)
	if bin == "" {
		return 1, fmt.Errorf("%s is not set: start this by \"make bench\"", binVariable)
	}
	if !lab.Inside() {
		return lab.Spawn()
	}
	if err := lab.Furnish(); err != nil {
		return 1, err
	}
	return 0, everything(bin)
}

// everything measures on the simulator and on the VPP that is found.
func everything(bin string) error {
	started := time.Now()
	fmt.Printf("%d cores, %s/%s, %s.\n", runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version())
	real, found, err := lab.FindVPP()
	if err != nil {
		return err
	}
	failed := []error{heading("Programs, without a VPP"), programs(bin)}
	note := "no real VPP was found: VPP=/path/to/vpp make bench"
	if found {
		note = "a stand-in: the real VPP's figures count"
	}
	failed = append(failed, onEngine(bin, lab.Simulator(bin), note))
	if found {
		failed = append(failed, onEngine(bin, real, "these figures count"))
	}
	fmt.Printf("\nDone in %.0f s.\n", time.Since(started).Seconds())
	return errors.Join(failed...)
}

// variant is a way to run an engine; extra are sections of VPP's startup.conf.
type variant struct {
	name  string
	extra []string
}

var mainAlone = variant{name: "main thread alone"}

// variants of an engine are those that thousands of endpoints are tried on.
func variants(engine lab.Engine) []variant {
	if !engine.Real {
		return []variant{mainAlone}
	}
	return []variant{mainAlone, {"one worker", []string{"cpu { workers 1 }"}}}
}

func onEngine(bin string, engine lab.Engine, note string) error {
	if err := heading(fmt.Sprintf("%s, %s (%s)", engine.Name, mainAlone.name, note)); err != nil {
		return err
	}
	failed := []error{onBench(bin, engine, mainAlone, ordinary)}
	for _, v := range variants(engine) {
		err := heading(fmt.Sprintf("%s, %s: many endpoints", engine.Name, v.name))
		failed = append(failed, err, onBench(bin, engine, v, many))
	}
	return errors.Join(failed...)
}

// onBench does something on a VPP that was started for it.
func onBench(bin string, engine lab.Engine, v variant, do func(*bench) error) (err error) {
	b, err := newBench(bin, engine, v)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.end()) }()
	return do(b)
}
