package lab

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/userspace-cni/userspace-cni/cnivpp/vpp"
)

// Engine is a program that the lab can run as VPP.
type Engine struct {
	// Name is "VPP v26.06-release", say, or "the simulator".
	Name string
	// Path is the program's.
	Path string
	// Real tells VPP from the simulator.
	Real bool
}

// Simulator is the engine that is always there.
func Simulator(bin string) Engine {
	return Engine{Name: "the simulator", Path: filepath.Join(bin, "vppsim")}
}

// FindVPP returns the VPP that the environment variable VPP names, or else the
// one in PATH. A VPP that is named must work; one in PATH that doesn't is none.
// It is called inside the lab.
func FindVPP() (engine Engine, found bool, err error) {
	named := os.Getenv("VPP")
	path := named
	if path == "" {
		if path, err = exec.LookPath("vpp"); err != nil {
			return Engine{}, false, nil
		}
	}
	engine = Engine{Name: "VPP", Path: path, Real: true}
	release, err := releaseOf(engine)
	if err != nil && named == "" {
		return Engine{}, false, nil
	}
	if err != nil {
		return Engine{}, false, fmt.Errorf("VPP=%s is not a VPP that runs here: %w", named, err)
	}
	engine.Name += " " + release
	return engine, true, nil
}

// releaseOf asks the program, or, where that is a VPP of before 24.02 and has no
// --version, the running VPP.
func releaseOf(engine Engine) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	out, err := exec.CommandContext(ctx, engine.Path, "--version").CombinedOutput()
	if words := strings.Fields(string(out)); err == nil && len(words) > 1 && words[0] == "vpp" {
		return words[1], nil
	}
	if !strings.Contains(string(out), "unknown input") {
		return "", fmt.Errorf("%s --version: %w: %s", engine.Path, err, out)
	}
	dir, err := os.MkdirTemp("/run", "v")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	running, err := StartVPP(engine, dir, "")
	if err != nil {
		return "", err
	}
	defer running.Kill()
	session, err := vpp.Connect(ctx, running.APISocket)
	if err != nil {
		return "", err
	}
	defer session.Close()
	return session.Release(ctx)
}
