package cnivpp

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/userspace-cni/userspace-cni/cnivpp/vpp"
	"github.com/userspace-cni/userspace-cni/pkg/vppapi"
)

// plugins are VPP's plugins by what the names of their messages contain, in all
// releases from 23.02 on. The other messages are those of VPP itself.
var plugins = map[string]string{
	"memif_":      "memif_plugin.so",
	"vhost_user_": "vhost_plugin.so",
	"urpf_":       "urpf_plugin.so",
}

// pluginOf is the plugin that has the message; empty: VPP itself.
func pluginOf(message string) string {
	for part, plugin := range plugins {
		if strings.Contains(message, part) {
			return plugin
		}
	}
	return ""
}

// Status fails when VPP can't make what the spec describes: it isn't running,
// doesn't answer, lacks a message, or the uplink that the spec joins. It changes
// nothing; the spec's identifiers need not be anybody's.
func (e *Engine) Status(ctx context.Context, spec Spec) error {
	session, err := vpp.Connect(ctx, e.Socket)
	if err != nil {
		return err
	}
	defer session.Close()
	if err := session.Probe(ctx, spec.messages()...); err != nil {
		return withPlugin(err)
	}
	if _, ok := spec.Endpoint.(Host); ok {
		if _, err := (vpp.SessionLayer{}).Look(ctx, session); err != nil {
			return err
		}
	}
	if spec.Domain == nil || spec.Domain.Uplink == "" {
		return nil
	}
	uplink, err := session.Interface(ctx, spec.Domain.Uplink)
	if err == nil && uplink == nil {
		err = fmt.Errorf("bridge.uplink: VPP has no interface %s", spec.Domain.Uplink)
	}
	return err
}

// Release is VPP's, without what distinguishes its builds: "26.06".
func (e *Engine) Release(ctx context.Context) (string, error) {
	session, err := vpp.Connect(ctx, e.Socket)
	if err != nil {
		return "", err
	}
	defer session.Close()
	text, err := session.Release(ctx)
	release, _, _ := strings.Cut(strings.TrimPrefix(text, "v"), "-")
	return release, err
}

// withPlugin adds the name of the plugin that has the missing message.
func withPlugin(err error) error {
	unknown := new(vppapi.UnknownMessageError)
	if !errors.As(err, &unknown) {
		return err
	}
	if plugin := pluginOf(unknown.Message); plugin != "" {
		return fmt.Errorf("VPP runs without %s: %w", plugin, err)
	}
	return err
}
