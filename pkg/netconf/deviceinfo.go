package netconf

import (
	"github.com/userspace-cni/userspace-cni/pkg/deviceinfo"
	"github.com/userspace-cni/userspace-cni/pkg/internal/fields"
)

// deviceInfoFile is a path to which root writes.
func deviceInfoFile() fields.Rule[string] {
	return fields.Rule[string]{Allowed: deviceinfo.Allowed, OK: deviceinfo.Valid}
}

// DeviceInfo describes the side's endpoint with its socket at path, which is as
// this side sees it; false where the specification has no type for it.
func (s Side) DeviceInfo(path string) (deviceinfo.Info, bool) {
	switch s.IfType {
	case IfTypeVCL:
		return deviceinfo.Info{}, false
	case IfTypeVhostUser:
		return deviceinfo.OfVhostUser(deviceinfo.VhostUser{Mode: vhost(s).Mode, Path: path}), true
	}
	m := memif(s)
	return deviceinfo.OfMemif(deviceinfo.Memif{Role: m.Role, Mode: m.Mode, Path: path}), true
}
