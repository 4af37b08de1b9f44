package vhostuser

import (
	"encoding/json"
	"fmt"
	"strings"

	"go.fd.io/govpp/binapi/vhost_user"

	"github.com/userspace-cni/userspace-cni/cnivpp/vpp"
	"github.com/userspace-cni/userspace-cni/pkg/netconf"
)

// maxFilename is what a Unix socket's address holds (sun_path, without its NUL).
// VPP cuts a longer path without an error (vhost_user_init_server_sock in
// src/plugins/vhost/vhost_user.c) and listens on another.
const maxFilename = 107

// Endpoint describes the host's end of a vhost-user connection.
type Endpoint struct {
	// Instance numbers the interface, 1 to 2147483647, of our own choosing: it is
	// called VirtualEthernet0/0/<Instance> after it.
	Instance uint32 `json:"instance"`
	// Filename is the path of the socket.
	Filename string `json:"filename"`
	// Server makes the socket; else VPP connects to it whenever it is there, at
	// most every 3 s.
	Server         bool `json:"server,omitempty"`
	EnableGSO      bool `json:"enableGso,omitempty"`
	EnablePacked   bool `json:"enablePacked,omitempty"`
	EnableEventIdx bool `json:"enableEventIdx,omitempty"`
	// MAC is the interface's own address.
	MAC string `json:"mac"`
	// Tag is given with the request that creates the interface, so that it is
	// never without.
	Tag string `json:"tag"`
}

var _ vpp.Part = Endpoint{}

// Configure makes the endpoint that a validated side of a network configuration
// describes, with the given identifiers.
func Configure(side netconf.Side, id vpp.Identity) (Endpoint, error) {
	if side.Vhost == nil {
		return Endpoint{}, fmt.Errorf("iftype is vhostuser but the block vhost is missing")
	}
	v := side.Vhost
	e := Endpoint{
		Instance: id.Number, Filename: id.Socket, Server: v.Mode == netconf.VhostServer,
		EnableGSO: v.EnableGSO, EnablePacked: v.EnablePacked, EnableEventIdx: v.EnableEventIdx,
		MAC: side.MAC, Tag: id.Tag,
	}
	if e.MAC == "" {
		e.MAC = id.MAC
	}
	return e, e.validate()
}

// Decode reads an endpoint from a record.
func Decode(raw json.RawMessage) (Endpoint, error) {
	var e Endpoint
	if err := json.Unmarshal(raw, &e); err != nil {
		return e, fmt.Errorf("vhost-user endpoint: %w", err)
	}
	return e, e.validate()
}

// maxInstance is the highest number that VPP prints as it was given.
const maxInstance = 1<<31 - 1

// validate repeats what would hurt VPP if it came from a damaged record.
func (e Endpoint) validate() error {
	switch {
	case e.Instance == 0 || e.Instance > maxInstance:
		return fmt.Errorf("vhost-user instance %d is not allowed; allowed: 1 to %d", e.Instance, maxInstance)
	case !strings.HasPrefix(e.Filename, "/") || len(e.Filename) > maxFilename || strings.Contains(e.Filename, "\x00"):
		return fmt.Errorf("vhost-user socket %q has %d bytes; allowed: an absolute path of at most %d without NUL", e.Filename, len(e.Filename), maxFilename)
	case len(e.Tag) > vpp.MaxTag:
		return fmt.Errorf("tag %q has %d bytes; allowed: at most %d", e.Tag, len(e.Tag), vpp.MaxTag)
	}
	_, err := e.message()
	return err
}

// Interface is the name that VPP gives the interface.
func (e Endpoint) Interface() string { return fmt.Sprintf("VirtualEthernet0/0/%d", e.Instance) }

// message is the request that creates the interface.
func (e Endpoint) message() (*vhost_user.CreateVhostUserIfV2, error) {
	mac, err := vpp.ParseMAC(e.MAC)
	if err != nil {
		return nil, fmt.Errorf("vhost-user %w", err)
	}
	return &vhost_user.CreateVhostUserIfV2{
		IsServer: e.Server, SockFilename: e.Filename,
		Renumber: true, CustomDevInstance: e.Instance,
		EnableGso: e.EnableGSO, EnablePacked: e.EnablePacked, EnableEventIdx: e.EnableEventIdx,
		UseCustomMac: true, MacAddress: mac, Tag: e.Tag,
	}, nil
}

// Number is the instance at which the search for a free one starts, for the
// attachment with the given key. It lies above what VPP counts up to itself.
func Number(key string) uint32 {
	const lowest, highest = 1 << 16, maxInstance
	return vpp.Spread("vhost-user instance "+key, lowest, highest)
}
