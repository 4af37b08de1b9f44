package userspace

import (
	"path/filepath"

	"github.com/userspace-cni/userspace-cni/pkg/deviceinfo"
	"github.com/userspace-cni/userspace-cni/pkg/state"
)

// deviceInfo is what the runtime is to read of the pod's end; nil where it
// doesn't want to, or nobody has said how to write it.
func (c *call) deviceInfo() *state.DeviceInfo {
	if c.conf.DeviceInfoFile == "" {
		return nil
	}
	info, ok := c.conf.Container.DeviceInfo(c.podSocket())
	if !ok {
		return nil
	}
	return &state.DeviceInfo{Path: c.conf.DeviceInfoFile, Content: info.JSON()}
}

// podSocket is the socket's path as the pod sees it, where it is known where the
// pod mounts the shared directory, and else the host's.
func (c *call) podSocket() string {
	switch {
	case c.conf.Host.Socket().Abstract:
		return deviceinfo.Abstract(c.socketName())
	case c.volume != nil && c.pod.MountPath() != "":
		return filepath.Join(c.pod.MountPath(), c.socketName())
	}
	return filepath.Join(c.dir().Path, c.socketName())
}

// writeDeviceInfo lets the runtime read it. It does nothing where it stands there
// already.
func writeDeviceInfo(record *state.Record) error {
	if record.DeviceInfo == nil {
		return nil
	}
	return deviceinfo.Write(record.DeviceInfo.Path, record.DeviceInfo.Content)
}

// deviceInfoDiffers is the step that it needs; empty where it is there.
func deviceInfoDiffers(record *state.Record) string {
	if record.DeviceInfo == nil || deviceinfo.Is(record.DeviceInfo.Path, record.DeviceInfo.Content) {
		return ""
	}
	return "write " + record.DeviceInfo.Path + "\n"
}

// removeDeviceInfo takes it away, unless somebody else has written there since.
func removeDeviceInfo(record *state.Record) error {
	if record.DeviceInfo == nil {
		return nil
	}
	return deviceinfo.Remove(record.DeviceInfo.Path, record.DeviceInfo.Content)
}
