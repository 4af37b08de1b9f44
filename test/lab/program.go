package lab

import (
	"fmt"
	"os"
)

// binVariable hands the directory of the built programs on to the lab.
const binVariable = "USERSPACE_CNI_BIN"

// Main is the main of a program that make runs in the lab's namespaces, with the
// directory of the built programs.
func Main(name string, do func(bin string) error) {
	code, err := within(name, do)
	if err != nil {
		fmt.Fprintln(os.Stderr, name+":", err)
		code = 1
	}
	os.Exit(code)
}

func within(name string, do func(bin string) error) (int, error) {
	bin := os.Getenv(binVariable)
	if bin == "" {
		return 1, fmt.Errorf("%s is not set: start this by \"make %s\"", binVariable, name)
	}
	if !Inside() {
		return Spawn()
	}
	if err := Furnish(); err != nil {
		return 1, err
	}
	return 0, do(bin)
}
