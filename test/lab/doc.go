// Package lab is the bench on which the built binaries are tried as their users
// run them: a host VPP and pods with a VPP each (an installed VPP or the
// simulator), the plugin called as Multus calls it, usrsp-app run as in a
// container. Everything happens in namespaces of its own, which vanish with the
// process. The tests and the demo share it.
package lab
