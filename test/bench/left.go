package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/userspace-cni/userspace-cni/pkg/state"
	"github.com/userspace-cni/userspace-cni/test/lab"
)

// nothingLeft makes sure that all attachments and applications are gone.
func (b *bench) nothingLeft() error {
	left, err := b.host.Left()
	files, err2 := lab.FilesLeft(state.DefaultDir, filepath.Join(b.dir, "shared"), filepath.Join(b.dir, "ipam"))
	namespaces, err3 := os.ReadDir("/run/netns")
	for _, n := range namespaces {
		if n.Name() != filepath.Base(b.netns) {
			files += "\n" + n.Name()
		}
	}
	apps, err4 := b.cli("show app")
	for line := range strings.Lines(apps) {
		if strings.Contains(line, "iperf3") {
			left += "\n" + line
		}
	}
	if all := strings.TrimSpace(left + "\n" + files); all != "" {
		err = errors.Join(err, fmt.Errorf("left behind:\n%s", all))
	}
	return errors.Join(err, err2, err3, err4)
}
