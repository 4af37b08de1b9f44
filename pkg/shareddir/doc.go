// Package shareddir is the directory that the host and one pod share: where it
// is, what may be put there, and how it is taken away again. A pod may be able
// to write to it, so nothing in it is trusted: files are opened relative to the
// directory, symbolic links aren't followed out of it, and what stands at our
// names but isn't ours is refused. It knows no VPP and no CNI.
package shareddir
