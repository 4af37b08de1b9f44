package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/userspace-cni/userspace-cni/test/lab"
)

func main() { lab.Main("demo", demonstrate) }

func demonstrate(bin string) error {
	engine, err := chooseEngine(bin)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	started := time.Now()
	fmt.Printf("This demo runs on %s (%s).\n", engine.Name, engine.Path)
	if err := newDemo(bin, engine).run(ctx); err != nil {
		return err
	}
	fmt.Printf("\nDone in %.1f s, on %s%s.\n", time.Since(started).Seconds(), engine.Name, hint(engine))
	return nil
}

func chooseEngine(bin string) (lab.Engine, error) {
	engine, found, err := lab.FindVPP()
	if err != nil || found {
		return engine, err
	}
	return lab.Simulator(bin), nil
}

func hint(engine lab.Engine) string {
	if engine.Real {
		return ""
	}
	return ": no VPP is installed (VPP=/path/to/vpp make demo takes one from elsewhere)"
}
