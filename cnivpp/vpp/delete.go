package vpp

import (
	"context"

	"go.fd.io/govpp/api"

	"github.com/userspace-cni/userspace-cni/pkg/vppapi"
)

// DeleteInterface is the step that deletes an interface, by the request of its
// kind; one that is gone already is no error. Why says what is wrong with it;
// empty: it is wanted no more.
func DeleteInterface(name, why string, request func(context.Context, *Session, Index) error) Step {
	return deleteInterface{name, why, request}
}

type deleteInterface struct {
	name, why string
	request   func(context.Context, *Session, Index) error
}

func (s deleteInterface) String() string {
	if s.why != "" {
		return "delete " + s.name + ", whose " + s.why
	}
	return "delete " + s.name
}

func (s deleteInterface) Apply(ctx context.Context, session *Session) error {
	index, err := session.Index(ctx, s.name)
	if err != nil {
		return err
	}
	session.Forget(s.name)
	err = s.request(ctx, session, index)
	if vppapi.IsRetval(err, api.INVALID_SW_IF_INDEX) {
		return nil
	}
	return err
}
