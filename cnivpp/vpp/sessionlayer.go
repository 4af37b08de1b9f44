package vpp

import (
	"context"
	"fmt"
	"strings"

	"go.fd.io/govpp/api"
	"go.fd.io/govpp/binapi/session"

	"github.com/userspace-cni/userspace-cni/pkg/vppapi"
)

// ErrNoSocketAPI means that VPP's session layer is on and takes no applications
// through sockets, which only a restart changes: a namespace exists from the moment
// that the layer is on, and then VPP refuses to turn the sockets on
// (appns_sapi_enable_disable in src/vnet/session/application_namespace.c).
var ErrNoSocketAPI = fmt.Errorf("%w: its session layer is on without the socket API; "+
	"put `session { enable use-app-socket-api }` into VPP's startup.conf in the place of its session section, and restart VPP", ErrUnsupported)

// SessionLayer is VPP's host stack, with sockets by which applications attach
// themselves. It is turned on where it is off, and then stays on.
type SessionLayer struct{}

var (
	_ Part   = SessionLayer{}
	_ Shared = SessionLayer{}
)

// SessionLayerState is an observed SessionLayer.
type SessionLayerState struct {
	On bool `json:"on"`
}

// Look implements Shared.
func (SessionLayer) Look(ctx context.Context, s *Session) (Observation, error) {
	defaults, on, err := s.appNamespace(ctx, defaultNamespace)
	if err == nil && on && (defaults == nil || defaults.Socket == "") {
		err = ErrNoSocketAPI
	}
	return SessionLayerState{on}, err
}

// Observe implements Part.
func (l SessionLayer) Observe(ctx context.Context, s *Session, _ *Interface, goal Goal) (Observation, error) {
	if goal == Absence {
		return l.Nothing(), nil
	}
	return l.Look(ctx, s)
}

// Nothing implements Part.
func (SessionLayer) Nothing() Observation { return SessionLayerState{} }

// Plan implements Observation. The sockets come first: afterwards VPP refuses them.
func (o SessionLayerState) Plan(goal Goal) Plan {
	if goal == Absence || o.On {
		return nil
	}
	return Plan{enableSockets{}, enableSession{}}
}

type enableSockets struct{}

func (enableSockets) String() string { return "enable the session layer's socket API" }

func (enableSockets) Apply(ctx context.Context, s *Session) error {
	_, err := session.NewServiceClient(s.conn).SessionSapiEnableDisable(ctx, &session.SessionSapiEnableDisable{IsEnable: true})
	if vppapi.IsRetval(err, api.UNSPECIFIED) { // another call has turned both on since we looked
		if seen, lookErr := (SessionLayer{}).Look(ctx, s); lookErr == nil && seen.(SessionLayerState).On {
			return nil
		}
	}
	return err
}

type enableSession struct{}

func (enableSession) String() string { return "enable the session layer" }

func (enableSession) Apply(ctx context.Context, s *Session) error {
	_, err := session.NewServiceClient(s.conn).SessionEnableDisable(ctx, &session.SessionEnableDisable{IsEnable: true})
	return err
}

// defaultNamespace is the id of the namespace that VPP makes itself.
const defaultNamespace = "default"

// AppNamespace returns the application namespace with an id, or nil: VPP has none,
// or its session layer is off.
func (s *Session) AppNamespace(ctx context.Context, id string) (*AppNamespace, error) {
	if s.snapshot == nil {
		found, _, err := s.appNamespace(ctx, id)
		return found, err
	}
	all, err := s.AppNamespaces(ctx)
	if found, ok := all[id]; ok {
		return &found, err
	}
	return nil, err
}

// appNamespace asks for one namespace, and tells whether the session layer is on. The
// API has no message that only asks.
func (s *Session) appNamespace(ctx context.Context, id string) (found *AppNamespace, on bool, err error) {
	answer, err := s.CLI(ctx, "show app ns id "+id)
	switch {
	case strings.Contains(answer, "session layer is not enabled"):
		return nil, false, nil
	case err != nil:
		return nil, false, err
	case strings.Contains(answer, "not found"):
		return nil, true, nil
	}
	found, err = parseAppNamespace(answer)
	return found, true, err
}

// parseAppNamespace reads the lines that format_app_namespace writes
// (src/vnet/session/application_namespace.c).
func parseAppNamespace(text string) (*AppNamespace, error) {
	var found AppNamespace
	for line := range strings.Lines(text) {
		field, value, _ := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		switch field {
		case "id":
			found.ID = value
		case "Interface":
			found.Interface = value
		case "Socket":
			found.Socket = value
		}
	}
	if found.ID == "" {
		return nil, fmt.Errorf("VPP describes an app namespace as %q", text)
	}
	return &found, nil
}

// Applications counts those that are attached, by their namespaces' ids. It asks for
// all: VPP dies of the question for those of a namespace that isn't there any more
// (app_namespace_show_api in src/vnet/session/application_namespace.c).
func (s *Session) Applications(ctx context.Context) (map[string]int, error) {
	return Once(ctx, s, "applications", func(ctx context.Context, s *Session) (map[string]int, error) {
		answer, err := s.CLI(ctx, "show app")
		return countApplications(answer), err
	})
}

// countApplications reads the lines of format_application
// (src/vnet/session/application.c): an index, a name of any kind, a namespace.
func countApplications(answer string) map[string]int {
	count := map[string]int{}
	for line := range strings.Lines(strings.ReplaceAll(answer, "\x00", "")) {
		if words := strings.Fields(line); len(words) > 2 && strings.Trim(words[0], "0123456789") == "" {
			count[words[len(words)-1]]++
		}
	}
	return count
}
