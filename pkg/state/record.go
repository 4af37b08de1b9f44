package state

import (
	"encoding/json"
	"errors"
	"time"

	"github.com/userspace-cni/userspace-cni/pkg/shareddir"
)

// Version is the layout of the records that this program writes and reads.
const Version = 1

var (
	// ErrNotFound means that there is no record of the attachment.
	ErrNotFound = errors.New("no record of this attachment")
	// ErrDamaged means that there is one that can't be read.
	ErrDamaged = errors.New("the record can't be read")
)

// Record is what the host keeps about one attachment. It is written before
// anything is touched, so that whatever a killed call leaves can be found.
type Record struct {
	Version int `json:"version"`
	Attachment
	// Netns is the path of the pod's network namespace, CNI_NETNS.
	Netns   string    `json:"netns,omitempty"`
	Created time.Time `json:"created"`
	// Done is set when ADD has succeeded.
	Done bool `json:"done"`
	// Off tells that the pod didn't want an endpoint: there is none.
	Off bool `json:"off,omitempty"`

	// Config is the SHA-256 of the configuration that the record is made from.
	Config string `json:"config"`
	// Engine names the engine, Socket its API socket, and Spec, which only the
	// engine reads, what was made on it.
	Engine string          `json:"engine"`
	Socket string          `json:"apiSocket"`
	Spec   json.RawMessage `json:"spec,omitempty"`

	// Numbers are those reserved for the attachment; the last one is in use, the
	// others turned out to be somebody else's on VPP, now or at an earlier ADD.
	Numbers []uint32 `json:"numbers,omitempty"`
	// Shared are the numbers of what the attachment shares with others, by kind
	// (see Names).
	Shared map[string]uint32 `json:"shared,omitempty"`

	// Dir is the directory shared with the pod, Link a short way to it (empty
	// where none is needed), Files what we put there, by name.
	Dir  string `json:"dir"`
	Link string `json:"link,omitempty"`
	// Volume tells that Dir is a volume of the pod's, which isn't ours to remove.
	Volume bool     `json:"volume,omitempty"`
	Files  []string `json:"files"`
	// Listening is the file in Dir on which the engine waits for the pod; empty:
	// none. Access is that to it, and to a contract with a secret.
	Listening string           `json:"listening,omitempty"`
	Access    shareddir.Access `json:"access"`
	// SocketName is the abstract one that was free in the pod's network namespace;
	// empty: the socket's name follows from the attachment.
	SocketName string `json:"socketName,omitempty"`
	// PodListens tells that the socket among Files is made by the pod: the host's
	// end is the one that connects.
	PodListens bool `json:"podListens,omitempty"`

	// IPAM names the IPAM plugin that is asked for addresses (empty: none), and
	// NetConf is the configuration that it gets.
	IPAM    string          `json:"ipam,omitempty"`
	NetConf json.RawMessage `json:"netConf,omitempty"`

	// DeviceInfo is the file that tells the runtime what the pod got; nil: none.
	DeviceInfo *DeviceInfo `json:"deviceInfo,omitempty"`

	// Pod is the pod, where the API server was asked for it.
	Pod *Pod `json:"pod,omitempty"`

	// Result is the CNI result (in the library's newest version) once IPAM has
	// answered.
	Result json.RawMessage `json:"result,omitempty"`
}

// Pod is a pod whose annotations have an entry of ours.
type Pod struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	UID       string `json:"uid"`
	// MountPath is where the pod sees the shared directory.
	MountPath string `json:"mountPath,omitempty"`
	// KubeConfig is the path of the credentials.
	KubeConfig string `json:"kubeconfig"`
}

// DeviceInfo is a file of pkg/deviceinfo and what ADD puts into it: another
// content is somebody else's.
type DeviceInfo struct {
	Path    string          `json:"path"`
	Content json.RawMessage `json:"content,omitempty"`
}

// Store keeps records and reserves numbers. Calls about one attachment are made
// under its lock.
type Store interface {
	// Get returns ErrNotFound or ErrDamaged when there is nothing to return.
	Get(a Attachment) (*Record, error)
	// Put writes the record, whole or not at all.
	Put(r *Record) error
	// Reserve takes the first number from start on (1 or more) that no other
	// attachment has and that r hasn't tried yet, adds it to r.Numbers behind
	// those of an earlier record, lets describe complete the record for it, and
	// writes the record. The number is the attachment's until Delete. A damaged
	// record is an error: Delete it first.
	Reserve(r *Record, start uint32, describe func(number uint32) error) error
	// Delete removes the record, which may be missing or damaged, and gives its
	// numbers back.
	Delete(a Attachment) error
	// List returns all records, and an error for each that can't be read: a
	// *DamagedError where it is known whose it is.
	List() ([]*Record, []error)
	// Drafts are the keys of the attachments whose records are being written, or
	// were when the call was killed. RemoveDraft removes what a killed call left.
	Drafts() ([]string, error)
	RemoveDraft(key string) error
	// Writable fails when no record could be written. It writes none.
	Writable() error
}
