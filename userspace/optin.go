package userspace

import (
	"cmp"
	"encoding/json"
	"fmt"

	current "github.com/containernetworking/cni/pkg/types/100"

	"github.com/userspace-cni/userspace-cni/pkg/abstract"
	"github.com/userspace-cni/userspace-cni/pkg/netconf"
	"github.com/userspace-cni/userspace-cni/pkg/state"
)

// isWanted tells whether the pod wants an endpoint.
func (c *call) isWanted() (bool, error) {
	says := ""
	if c.pod != nil {
		says = c.pod.Annotations[netconf.OptInAnnotation]
	}
	return c.conf.IsWanted(says)
}

// standAside keeps a record of an attachment that has no endpoint, so that the other
// verbs know that nothing is amiss. The result has nothing in it.
func (c *call) standAside(record *state.Record) (*current.Result, error) {
	c.log.Info("the pod gets no endpoint", "default", c.conf.Host.VCL.Default, "annotation", netconf.OptInAnnotation)
	result := &current.Result{CNIVersion: current.ImplementedSpecVersion}
	var err error
	if record.Result, err = json.Marshal(result); err != nil {
		return nil, fmt.Errorf("result: %w", err)
	}
	record.Files, record.Listening, record.IPAM, record.DeviceInfo, record.Done = nil, "", "", nil, true
	return result, c.Store.Put(record)
}

// chooseSocket takes the name that programs know where none of the pod's other
// networks has it, and else one of its own. An endpoint that is made again keeps its
// name.
func (c *call) chooseSocket(record *state.Record) error {
	socket := c.conf.Host.Socket()
	if socket.Preferred == "" || socket.Name != "" {
		return nil
	}
	own := socket.Preferred + "-" + fitAll(c.args.IfName)
	// An endpoint that is made again keeps its name, unless another network has taken it
	// while VPP had nothing.
	kept := cmp.Or(record.SocketName, socket.Preferred)
	for _, name := range append([]string{kept, socket.Preferred, own}, numbered(own)...) {
		taken, err := abstract.IsTaken(c.args.Netns, name)
		if err != nil {
			return err
		}
		if !taken {
			record.SocketName = name
			return nil
		}
	}
	return fmt.Errorf("@%s and all that begin with @%s are taken in the network namespace %s", socket.Preferred, own, c.args.Netns)
}

// numbered are names for a namespace that has the interface's more than once, as one
// that several sandboxes use.
func numbered(name string) []string {
	var all []string
	for i := 2; i < 10; i++ {
		all = append(all, fmt.Sprintf("%s-%d", name, i))
	}
	return all
}
