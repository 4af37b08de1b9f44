package deviceinfo

import "encoding/json"

// Version is the specification's that the files follow.
const Version = "1.1.0"

// Types of devices (specification, 3.1.1).
const (
	TypeMemif     = "memif"
	TypeVhostUser = "vhost-user"
)

// Info describes one device from the pod's view (specification, 3.1).
type Info struct {
	Type      string     `json:"type"`
	Version   string     `json:"version"`
	VhostUser *VhostUser `json:"vhost-user,omitempty"`
	Memif     *Memif     `json:"memif,omitempty"`
}

// VhostUser is a vhost-user device (3.1.5).
type VhostUser struct {
	// Mode is server where the application in the pod makes the socket, client
	// where it connects.
	Mode string `json:"mode"`
	Path string `json:"path"`
}

// Memif is a memif device (3.1.6).
type Memif struct {
	// Role is master where the application in the pod makes the socket, slave
	// where it connects.
	Role string `json:"role"`
	Path string `json:"path"`
	// Mode is ethernet or ip.
	Mode string `json:"mode"`
}

// OfMemif describes a memif.
func OfMemif(m Memif) Info { return Info{Type: TypeMemif, Version: Version, Memif: &m} }

// OfVhostUser describes a vhost-user device.
func OfVhostUser(v VhostUser) Info { return Info{Type: TypeVhostUser, Version: Version, VhostUser: &v} }

// JSON is the content of a file.
func (i Info) JSON() []byte {
	data, _ := json.Marshal(i) // strings: it can't fail
	return data
}

// Abstract is the path of a socket that has a name and no file. The
// specification knows only files; this is how unix(7)'s tools, libmemif and
// gomemif write one.
func Abstract(name string) string { return "@" + name }
