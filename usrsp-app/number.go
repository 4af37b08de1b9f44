package usrspapp

import (
	"strings"

	"github.com/userspace-cni/userspace-cni/cnivpp"
	"github.com/userspace-cni/userspace-cni/cnivpp/vpp"
	"github.com/userspace-cni/userspace-cni/pkg/contract"
	"github.com/userspace-cni/userspace-cni/pkg/state"
)

// maxNumber is the highest number: a BVI is a loopback of that instance. The
// host's memifs begin above it, so that none is ever taken for ours.
const maxNumber = vpp.MaxLoopback

func tagOf(e contract.Entry) string { return cnivpp.TagPrefix + e.Attachment().Key() }

// numbers are those that VPP has interfaces of ours for, by tag.
func numbers(found []cnivpp.Found) map[string]uint32 {
	all := map[string]uint32{}
	for _, iface := range found {
		number, ok := iface.Number()
		key, ours := strings.CutPrefix(iface.Tag, cnivpp.TagPrefix)
		if ok && number > 0 && number <= maxNumber && ours && state.IsKey(key) {
			all[iface.Tag] = number
		}
	}
	return all
}

// number gives every entry that has none a number: the one that VPP has an
// interface of its tag for, else the lowest that is free, from 1, in the order of
// the networks.
func (c *companion) number(entries []contract.Entry, onVPP map[string]uint32) {
	taken := map[uint32]bool{}
	for _, number := range onVPP {
		taken[number] = true
	}
	for _, n := range c.networks {
		taken[n.number] = true
	}
	next := uint32(1)
	for _, entry := range entries {
		if c.networks[slotOf(entry)] != nil {
			continue
		}
		number, known := onVPP[tagOf(entry)]
		for ; !known && taken[next]; next++ {
		}
		if !known {
			number, taken[next] = next, true
		}
		c.networks[slotOf(entry)] = &network{number: number}
	}
}
