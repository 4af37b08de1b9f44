package cnivpp

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/userspace-cni/userspace-cni/cnivpp/vpp"
	"github.com/userspace-cni/userspace-cni/pkg/vppapi"
)

// Number is where the search for a number starts that is free for the
// attachment with the given key.
func Number(iftype, key string) (uint32, error) {
	k, err := kindOf(iftype)
	if err != nil {
		return 0, err
	}
	return k.number(key), nil
}

// RemoveTagged removes every endpoint whose interface bears the tag: it
// describes what it finds, and removes what it described.
func (e *Engine) RemoveTagged(ctx context.Context, tag string) error {
	if tag == "" {
		return errors.New("no tag to remove by: every interface of somebody else has none")
	}
	var specs []Spec
	err := lookAgain(func() (err error) {
		specs, err = e.find(ctx, tag)
		return err
	})
	if errors.Is(err, vppapi.ErrNotRunning) {
		return nil
	}
	failed := []error{err}
	for _, spec := range specs {
		failed = append(failed, e.Remove(ctx, spec))
	}
	return errors.Join(failed...)
}

// find describes the endpoints whose interfaces bear the tag, as far as their
// removal needs it.
func (e *Engine) find(ctx context.Context, tag string) ([]Spec, error) {
	session, err := vpp.Connect(ctx, e.Socket)
	if err != nil {
		return nil, err
	}
	defer session.Close()
	all, err := session.Interfaces(ctx)
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(iface vpp.Interface) bool { return iface.Tag != tag })
	// The BVI has its endpoint's tag, and is described with it.
	bvi := slices.IndexFunc(all, isLoopback)
	if len(all) < 2 || bvi < 0 {
		return describeAll(ctx, session, all, nil)
	}
	return describeAll(ctx, session, slices.Delete(slices.Clone(all), bvi, bvi+1), &all[bvi])
}

func isLoopback(iface vpp.Interface) bool { return strings.HasPrefix(iface.Name, loopback) }

func describeAll(ctx context.Context, session *vpp.Session, all []vpp.Interface, bvi *vpp.Interface) ([]Spec, error) {
	var specs []Spec
	for _, iface := range all {
		spec, err := describe(ctx, session, iface, bvi)
		if err != nil {
			return specs, err
		}
		specs = append(specs, spec)
	}
	return specs, nil
}

func describe(ctx context.Context, session *vpp.Session, iface vpp.Interface, bvi *vpp.Interface) (Spec, error) {
	spec := Spec{Tag: iface.Tag}
	if err := spec.describeKind(ctx, session, iface); err != nil {
		return spec, err
	}
	if err := spec.describeDomain(ctx, session, iface, bvi); err != nil {
		return spec, err
	}
	if isHost(spec.Kind) {
		return spec, spec.describeHost(ctx, session, iface)
	}
	var err error
	if spec.Gateway, err = session.GatewayOf(ctx, iface.Index); err != nil {
		return spec, err
	}
	switch {
	case spec.Gateway != nil:
		spec.Routes, err = session.RoutesOver(ctx, spec.Gateway.Table, iface.Index)
	case spec.BVI != nil:
		spec.Routes, err = session.RoutesBeyond(ctx, bvi.Index)
	case spec.Domain == nil:
		spec.Routes, err = session.RoutesBeyond(ctx, iface.Index)
	}
	return spec, err
}

// describeHost describes the table of an endpoint that holds the pod's addresses
// itself, and what leads there.
func (s *Spec) describeHost(ctx context.Context, session *vpp.Session, iface vpp.Interface) (err error) {
	if s.Own, err = session.OwnTableOf(ctx, s.Endpoint.(Host).Table()); err != nil {
		return err
	}
	if s.Own == nil {
		s.Table, err = session.TableOf(ctx, iface.Index)
		return err
	}
	if s.Addresses, err = session.Addresses(ctx, iface.Index); err != nil {
		return err
	}
	s.Gateway, err = session.GatewayCalled(ctx, s.Own.Name)
	return err
}

// describeDomain leaves out a domain that somebody else made.
func (s *Spec) describeDomain(ctx context.Context, session *vpp.Session, iface vpp.Interface, bvi *vpp.Interface) error {
	domain, err := session.DomainOf(ctx, iface.Index)
	if err != nil || domain == nil {
		return err
	}
	if bvi != nil {
		number, _ := Found{Interface: *bvi}.Number()
		s.BVI = &vpp.BVI{Instance: number, Domain: domain.ID, Tag: s.Tag}
	}
	if strings.HasPrefix(domain.Tag, ownTag) {
		s.Domain = domain
	}
	return nil
}

func (s *Spec) describeKind(ctx context.Context, session *vpp.Session, iface vpp.Interface) error {
	for name, k := range kinds {
		endpoint, err := k.find(ctx, session, iface)
		if err != nil {
			return err
		}
		if endpoint != nil {
			s.Kind, s.Endpoint = name, endpoint
			return nil
		}
	}
	return fmt.Errorf("interface %s has our tag %q but is of no kind that we make", iface.Name, iface.Tag)
}
