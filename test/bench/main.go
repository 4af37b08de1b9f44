package main

import (
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/userspace-cni/userspace-cni/test/lab"
)

func main() { lab.Main("bench", everything) }

// everything measures on the simulator and on the VPP that is found.
func everything(bin string) error {
	started := time.Now()
	fmt.Printf("%d cores, %s/%s, %s.\n", runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version())
	real, found, err := lab.FindVPP()
	if err != nil {
		return err
	}
	failed := []error{heading("Programs, without a VPP"), programs(bin)}
	failed = append(failed, onSimulator(bin, found))
	if found {
		failed = append(failed, onVPP(bin, real))
	}
	fmt.Printf("\nDone in %.0f s.\n", time.Since(started).Seconds())
	return errors.Join(failed...)
}

// variant is a way to run an engine; extra are sections of VPP's startup.conf.
type variant struct {
	name  string
	extra []string
}

var (
	mainAlone = variant{name: "main thread alone"}
	oneWorker = variant{"one worker", []string{"cpu { workers 1 }"}}
)

// onSimulator leaves out thousands of endpoints where a real VPP takes them.
func onSimulator(bin string, found bool) error {
	simulator := lab.Simulator(bin)
	if found {
		return onBench(bin, simulator, mainAlone, "a stand-in: the real VPP's figures count", ordinary)
	}
	return errors.Join(
		onBench(bin, simulator, mainAlone, "no real VPP was found: VPP=/path/to/vpp make bench", ordinary),
		onBench(bin, simulator, mainAlone, "the node agent", agent),
		onBench(bin, simulator, mainAlone, "sockets", sockets),
		onBench(bin, simulator, mainAlone, "many endpoints", many))
}

func onVPP(bin string, vpp lab.Engine) error {
	return errors.Join(
		onBench(bin, vpp, mainAlone, "these figures count", ordinary),
		onBench(bin, vpp, mainAlone, "packets", packets),
		onBench(bin, vpp, mainAlone, "sockets", sockets),
		onBench(bin, vpp, mainAlone, "the node agent", agent),
		onBench(bin, vpp, mainAlone, "many endpoints", many),
		onBench(bin, vpp, oneWorker, "many endpoints", many))
}

// onBench does something on a VPP that was started for it.
func onBench(bin string, engine lab.Engine, v variant, note string, do func(*bench) error) (err error) {
	if err := heading(fmt.Sprintf("%s, %s: %s", engine.Name, v.name, note)); err != nil {
		return err
	}
	b, err := newBench(bin, engine, v)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.end()) }()
	return do(b)
}
