// Package direct is the small version of the tests of package e2e: a real API server
// and the real Multus, called as a container runtime calls it, but no runtime, no
// kubelet and no images. It runs by "make e2e-direct" alone.
package direct
