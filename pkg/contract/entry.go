package contract

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/containernetworking/cni/pkg/types"
	current "github.com/containernetworking/cni/pkg/types/100"

	"github.com/userspace-cni/userspace-cni/pkg/netconf"
	"github.com/userspace-cni/userspace-cni/pkg/state"
)

// Version is the layout of entries that this program writes. It changes only
// when an old reader would misunderstand a new entry.
const Version = 1

// Entry tells a pod about one attachment.
type Entry struct {
	// ContractVersion is Version; 0 in entries of the Intel plugin.
	ContractVersion int    `json:"contractVersion,omitempty"`
	ContainerID     string `json:"containerId"`
	IfName          string `json:"ifName"`
	// Name is the network's.
	Name string `json:"name"`
	// Created orders a pod's entries: networks are attached one after another.
	Created time.Time `json:"created,omitzero"`
	// Config is the container's side: what the pod has to set up.
	Config netconf.Side `json:"config"`
	// Routed tells that the host routes between the network's pods: addresses are
	// single ones for the pod, and everything else is behind the gateway.
	Routed bool `json:"routed,omitempty"`
	// IPResult are the addresses and routes of the container's side.
	IPResult IPResult `json:"ipResult"`
}

// IPResult is a CNI result without interfaces, in the layout of CNI 1.0 with
// the field "version" of earlier ones, which readers look for.
type IPResult struct {
	CNIVersion string    `json:"cniVersion"`
	IPs        []IP      `json:"ips,omitempty"`
	Routes     []Route   `json:"routes,omitempty"`
	DNS        types.DNS `json:"dns"`
}

// IP is one address of the container's side.
type IP struct {
	// Version is "4" or "6".
	Version string       `json:"version"`
	Address netip.Prefix `json:"address"`
	Gateway netip.Addr   `json:"gateway,omitzero"`
}

// Route is one route of the container's side.
type Route struct {
	Dst netip.Prefix `json:"dst"`
	// GW is the next hop; left out, it is the gateway of the address of the
	// same family.
	GW netip.Addr `json:"gw,omitzero"`
}

// Attachment is what the entry is about.
func (e Entry) Attachment() state.Attachment {
	return state.Attachment{Network: e.Name, ContainerID: e.ContainerID, IfName: e.IfName}
}

// NewIPResult takes addresses, routes and DNS out of a CNI result.
func NewIPResult(result *current.Result) (IPResult, error) {
	out := IPResult{CNIVersion: current.ImplementedSpecVersion, DNS: result.DNS}
	if slices.Contains(result.IPs, nil) || slices.Contains(result.Routes, nil) {
		return out, errors.New("null among the addresses or routes of the IPAM result")
	}
	for _, ip := range result.IPs {
		address, err := netip.ParsePrefix(ip.Address.String())
		if err != nil {
			return out, fmt.Errorf("address in the IPAM result: %w", err)
		}
		gateway, _ := netip.AddrFromSlice(ip.Gateway)
		version := "6"
		if address.Addr().Is4() {
			version = "4"
		}
		out.IPs = append(out.IPs, IP{Version: version, Address: address, Gateway: gateway.Unmap()})
	}
	for _, route := range result.Routes {
		dst, err := netip.ParsePrefix(route.Dst.String())
		if err != nil {
			return out, fmt.Errorf("route in the IPAM result: %w", err)
		}
		gw, _ := netip.AddrFromSlice(route.GW)
		out.Routes = append(out.Routes, Route{Dst: dst.Masked(), GW: gw.Unmap()})
	}
	return out, nil
}

// Parse reads one entry.
func Parse(data []byte) (Entry, error) {
	var e Entry
	if err := json.Unmarshal(data, &e); err != nil {
		return e, err
	}
	return e, e.check()
}

// ParseList reads the annotation's list of entries. Those that can't be read are
// reported together, beside those that can.
func ParseList(data []byte) ([]Entry, error) {
	var list []json.RawMessage
	if err := json.Unmarshal(data, &list); err != nil {
		return nil, err
	}
	var all []Entry
	var failed []error
	for i, raw := range list {
		entry, err := Parse(raw)
		if err != nil {
			failed = append(failed, fmt.Errorf("entry %d: %w", i+1, err))
			continue
		}
		all = append(all, entry)
	}
	return all, errors.Join(failed...)
}

// unlike fails when there is an entry about the same attachment already.
func unlike(e Entry, all []Entry) error {
	if slices.ContainsFunc(all, func(other Entry) bool { return other.Attachment() == e.Attachment() }) {
		return fmt.Errorf("is about network %s, interface %s, as an earlier one: it is left out", e.Name, e.IfName)
	}
	return nil
}
