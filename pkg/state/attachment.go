package state

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"
)

// Attachment is what one CNI call is about.
type Attachment struct {
	// Network is the network configuration's name.
	Network string `json:"network"`
	// ContainerID is the sandbox's, CNI_CONTAINERID: 1 or more characters.
	ContainerID string `json:"containerId"`
	// IfName is the interface's name in the pod, CNI_IFNAME: 1 to 15 bytes.
	IfName string `json:"ifName"`
}

// keyLength is in hexadecimal digits: 80 bits, beyond any accident.
const keyLength = 20

// Key is a short name for the attachment, safe in file names, that no other
// attachment has: two networks may share container ID and interface name.
func (a Attachment) Key() string {
	hash := sha256.Sum256([]byte(a.Network + "\x00" + a.ContainerID + "\x00" + a.IfName))
	return hex.EncodeToString(hash[:])[:keyLength]
}

// ShortID is at most the first 12 characters of the container ID.
func (a Attachment) ShortID() string { return a.ContainerID[:min(len(a.ContainerID), 12)] }

// attachmentIn reads whose record it is, whatever else stands in it.
func attachmentIn(record []byte) (Attachment, error) {
	var a Attachment
	err := json.Unmarshal(record, &a)
	return a, err
}

// IsKey tells whether it could be the key of an attachment.
func IsKey(text string) bool {
	return len(text) == keyLength && strings.Trim(text, "0123456789abcdef") == ""
}
