package lab

import (
	"bytes"
	"fmt"
)

// archive is a cpio archive of the format newc, which the Linux kernel takes as
// its initramfs (Documentation/driver-api/early-userspace/buffer-format.rst).
type archive struct{ bytes.Buffer }

// Modes of what is in an archive.
const (
	archiveDir  = 0o040755
	archiveFile = 0o100755
)

func (a *archive) add(name string, mode int, data []byte) {
	const inode, owner, group, links, modified, device = 0, 0, 0, 1, 0, 0
	fmt.Fprintf(a, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x",
		inode, mode, owner, group, links, modified, len(data), device, device, device, device, len(name)+1, 0)
	a.WriteString(name + "\x00")
	a.pad()
	a.Write(data)
	a.pad()
}

// end writes the entry that ends every archive.
func (a *archive) end() []byte {
	a.add("TRAILER!!!", 0, nil)
	return a.Bytes()
}

// pad fills up to a multiple of four bytes.
func (a *archive) pad() { a.Write(make([]byte, -a.Len()&3)) }
