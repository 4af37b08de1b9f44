package netconf

import "strconv"

// OptInAnnotation is what a pod says about VCL endpoints: VCLEnable or VCLDisable.
const OptInAnnotation = "userspace/vcl"

// IsWanted tells whether a pod gets the endpoint of the host's side, by what it says
// in OptInAnnotation; empty: nothing, and the network decides.
func (c *NetConf) IsWanted(says string) (bool, error) {
	if c.Host.VCL == nil {
		return true, nil
	}
	switch says {
	case VCLEnable, VCLDisable:
		return says == VCLEnable, nil
	case "":
		return c.Host.VCL.Default != VCLDisable, nil
	}
	return false, Errors{{
		Field: "the pod's annotation " + OptInAnnotation, Value: short(says), Problem: "is not allowed",
		Allowed: strconv.Quote(VCLEnable) + ", " + strconv.Quote(VCLDisable),
	}}
}
