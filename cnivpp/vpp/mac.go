package vpp

import (
	"fmt"
	"net"

	"go.fd.io/govpp/binapi/ethernet_types"
)

// ParseMAC reads an Ethernet address, six bytes in any notation of net.ParseMAC.
func ParseMAC(text string) (ethernet_types.MacAddress, error) {
	var mac ethernet_types.MacAddress
	hw, err := net.ParseMAC(text)
	if err != nil || len(hw) != len(mac) {
		return mac, fmt.Errorf("mac %q is not an Ethernet address", text)
	}
	return ethernet_types.NewMacAddress(hw), nil
}
