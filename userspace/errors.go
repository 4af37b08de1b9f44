package userspace

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"strings"

	"github.com/containernetworking/cni/pkg/types"

	"github.com/userspace-cni/userspace-cni/cnivpp/vpp"
	"github.com/userspace-cni/userspace-cni/pkg/kube"
	"github.com/userspace-cni/userspace-cni/pkg/netconf"
	"github.com/userspace-cni/userspace-cni/pkg/shareddir"
	"github.com/userspace-cni/userspace-cni/pkg/state"
	"github.com/userspace-cni/userspace-cni/pkg/vppapi"
)

// Error codes of our own (CNI leaves 100 and above to plugins).
const (
	// CodeRefused: VPP refused a request.
	CodeRefused uint = 100
	// CodeUnsupported: this VPP lacks a message or a plugin.
	CodeUnsupported uint = 101
	// CodeDiffers: CHECK found something else than ADD had left.
	CodeDiffers uint = 102
)

// cniError builds, once and at the edge, the error that the runtime reads. A
// types.Error further inside (an IPAM plugin's, say) gives its code, but the
// text is the whole one: skel would print only the inner.
func cniError(err error) error {
	text, details, _ := strings.Cut(err.Error(), "\n")
	return types.NewError(code(err), text, details)
}

func code(err error) uint {
	var faults netconf.Errors
	var inner *types.Error
	_, refused := vppapi.Retval(err)
	switch {
	case errors.Is(err, netconf.ErrEnvironment):
		return types.ErrInvalidEnvironmentVariables
	case errors.As(err, &faults):
		return types.ErrInvalidNetworkConfig
	case errors.As(err, &inner) && inner.Code != 0: // 0: an IPAM plugin that crashed
		return inner.Code
	case errors.Is(err, errDiffers):
		return CodeDiffers
	case errors.Is(err, vpp.ErrUnsupported):
		return CodeUnsupported
	case isPassing(err):
		return types.ErrTryAgainLater
	case refused:
		return CodeRefused
	case isFileError(err):
		return types.ErrIOFailure
	}
	return types.ErrInternal
}

// isPassing tells whether the same call may succeed later.
func isPassing(err error) bool {
	for _, passing := range []error{vppapi.ErrNotRunning, vppapi.ErrNoAnswer, vppapi.ErrConnectionLost, state.ErrLocked, kube.ErrUnavailable, kube.ErrUnauthorized, context.DeadlineExceeded} {
		if errors.Is(err, passing) {
			return true
		}
	}
	return false
}

func isFileError(err error) bool {
	var path *fs.PathError
	var link *os.LinkError
	for _, foreign := range []error{shareddir.ErrOccupied, shareddir.ErrNoSocket, shareddir.ErrNotOurs, shareddir.ErrVolume, vpp.ErrOccupied} {
		if errors.Is(err, foreign) {
			return true
		}
	}
	return errors.As(err, &path) || errors.As(err, &link)
}
