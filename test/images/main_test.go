package images

import (
	"fmt"
	"os"
	"testing"

	"github.com/userspace-cni/userspace-cni/test/lab"
)

var (
	// built has the root file system and the configuration of each image that was
	// built; empty: none was.
	built = os.Getenv("USERSPACE_CNI_IMAGES")
	// bin has the programs of this repository.
	bin = os.Getenv("USERSPACE_CNI_BIN")
)

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "images:", err)
		code = max(code, 1)
	}
	os.Exit(code)
}

func run(m *testing.M) (int, error) {
	if built == "" {
		return m.Run(), nil
	}
	if !lab.Inside() {
		return lab.Spawn()
	}
	if err := lab.Furnish(); err != nil {
		return 1, err
	}
	return m.Run(), nil
}
