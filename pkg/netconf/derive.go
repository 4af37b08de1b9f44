package netconf

import (
	"cmp"
	"slices"
)

// completeHost fills in the host's defaults.
func (c *NetConf) completeHost() {
	c.completeSocket()
	h := &c.Host
	h.Engine = cmp.Or(h.Engine, EngineVPP)
	if h.Memif == nil {
		h.Memif = &Memif{}
	}
	h.Memif.Role = cmp.Or(h.Memif.Role, RoleMaster)
	h.Memif.Mode = cmp.Or(h.Memif.Mode, ModeEthernet)
	h.Memif.SocketType = cmp.Or(h.Memif.SocketType, SocketTypeFile)
	// A slave without this hands all of VPP's buffers, and so every pod's
	// packets, to its peer (memif_init_regions_and_queues in
	// plugins/memif/memif.c).
	h.Memif.NoZeroCopy = h.Memif.NoZeroCopy || h.Memif.Role == RoleSlave
	if h.Vhost == nil {
		h.Vhost = &Vhost{}
	}
	h.Vhost.Mode = cmp.Or(h.Vhost.Mode, VhostServer)
	if h.VCL == nil {
		h.VCL = &VCL{}
	}
	h.VCL.Default = cmp.Or(h.VCL.Default, VCLEnable)
	h.VCL.SocketType = cmp.Or(h.VCL.SocketType, SocketTypeAbstract)
	if len(h.VCL.Scopes) == 0 {
		h.VCL.Scopes = slices.Clone(vclScopes)
	}
}

// completeSocket remembers whose the socket is, for [NetConf.ApplyNode].
func (c *NetConf) completeSocket() {
	c.namesSocket = c.VPPAPISocket != ""
	c.VPPAPISocket = cmp.Or(c.VPPAPISocket, DefaultVPPAPISocket)
}

// deriveContainer fills in what the container's side leaves out: what both
// ends have to agree on is the host's, what is opposite is turned round, and
// what belongs to one end alone (MAC, zero copy, DMA) stays as it is.
func (c *NetConf) deriveContainer() {
	h, k := &c.Host, &c.Container
	k.Engine = cmp.Or(k.Engine, h.Engine)
	k.IfType = cmp.Or(k.IfType, h.IfType)
	k.NetType = cmp.Or(k.NetType, c.derivedNetType())
	k.MTU = cmp.Or(k.MTU, h.MTU)
	if k.NetType == NetTypeBridge && k.Bridge == nil {
		k.Bridge = &Bridge{}
	}
	k.Memif = derivedMemif(memif(*h), memif(*k))
	k.Vhost = derivedVhost(vhost(*h), vhost(*k))
	k.VCL = derivedVCL(vcl(*h), vcl(*k))
}

// derivedNetType: the container's end is an interface where there will be
// addresses to put on it.
func (c *NetConf) derivedNetType() string {
	if !c.hasAddresses() {
		return NetTypeNone
	}
	return NetTypeInterface
}

// hasAddresses tells whether the pod gets any.
func (c *NetConf) hasAddresses() bool { return c.IPAM.Type != "" || len(c.StaticAddresses()) > 0 }

// derivedMemif: the queues change places, since what one end sends the other
// receives.
func derivedMemif(h, k Memif) *Memif {
	k.Role = cmp.Or(k.Role, opposite(h.Role))
	k.Mode = cmp.Or(k.Mode, h.Mode)
	k.SocketFile = h.SocketFile
	k.SocketType = h.SocketType
	k.RingSize = cmp.Or(k.RingSize, h.RingSize)
	k.BufferSize = cmp.Or(k.BufferSize, h.BufferSize)
	k.RxQueues = cmp.Or(k.RxQueues, h.TxQueues)
	k.TxQueues = cmp.Or(k.TxQueues, h.RxQueues)
	k.Secret = cmp.Or(k.Secret, h.Secret)
	return &k
}

// derivedVhost: what the rings can do is the host's to offer. The policer is Open
// vSwitch's, and the group that of the host's file.
func derivedVhost(h, k Vhost) *Vhost {
	return &Vhost{
		Mode: cmp.Or(k.Mode, opposite(h.Mode)), SocketFile: h.SocketFile,
		EnableGSO:      k.EnableGSO || h.EnableGSO,
		EnablePacked:   k.EnablePacked || h.EnablePacked,
		EnableEventIdx: k.EnableEventIdx || h.EnableEventIdx,
	}
}

// derivedVCL: the socket is the host's, and who may use it is said there.
func derivedVCL(h, k VCL) *VCL {
	if len(k.Scopes) == 0 {
		k.Scopes = slices.Clone(h.Scopes)
	}
	return &VCL{
		SocketName: h.SocketName, SocketType: h.SocketType, Scopes: k.Scopes,
		RxFifoSize: cmp.Or(k.RxFifoSize, h.RxFifoSize), TxFifoSize: cmp.Or(k.TxFifoSize, h.TxFifoSize),
	}
}

// opposite is the other end's role or mode.
func opposite(end string) string {
	return map[string]string{
		RoleMaster: RoleSlave, RoleSlave: RoleMaster, VhostServer: VhostClient, VhostClient: VhostServer,
	}[end]
}

// dropUnused removes the blocks and fields that have no effect, so that what
// is left is what will be done.
func (c *NetConf) dropUnused() {
	for _, s := range []*Side{&c.Host, &c.Container} {
		if s.IfType != IfTypeMemif {
			s.Memif = nil
		}
		if s.IfType != IfTypeVhostUser {
			s.Vhost = nil
		}
		if s.IfType != IfTypeVCL {
			s.VCL = nil
		}
		if s.NetType != NetTypeBridge {
			s.Bridge = nil
		}
		if memif(*s).Mode == ModeIP {
			s.MAC = ""
		}
		if s.Engine == EngineVPP {
			s.dropOVSOnly()
		}
	}
}

func (s *Side) dropOVSOnly() {
	if s.Bridge != nil {
		s.Bridge.Trunks, s.Bridge.VlanMode = nil, ""
	}
	if s.Vhost != nil {
		s.Vhost.IngressPolicingRate, s.Vhost.IngressPolicingBurst = 0, 0
	}
}
