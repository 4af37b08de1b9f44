package usrspapp

import (
	"context"
	"errors"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/userspace-cni/userspace-cni/cnivpp"
	"github.com/userspace-cni/userspace-cni/cnivpp/vpp"
	"github.com/userspace-cni/userspace-cni/pkg/contract"
)

// reconcile reads the contract and brings VPP to what it says, whatever happens
// to single networks. A network that VPP has as described isn't touched.
func (c *companion) reconcile(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, applyTimeout)
	defer cancel()
	damaged := c.read()
	if damaged != nil {
		c.unready()
	}
	err := errors.Join(damaged, c.removeGone(ctx))
	found, listErr := c.engine.List(ctx, cnivpp.TagPrefix, false)
	if listErr != nil {
		c.unready()
		return errors.Join(err, listErr)
	}
	onVPP := numbers(found)
	err = errors.Join(err, c.removeLeftovers(ctx, onVPP))
	c.number(c.forVPP(), onVPP)
	if err = errors.Join(err, c.apply(ctx)); err == nil {
		err = c.ready()
	}
	return err
}

// removeGone removes the networks that are no longer in the contract.
func (c *companion) removeGone(ctx context.Context) error {
	var failed []error
	wanted := c.forVPP()
	for place, n := range c.networks {
		if slices.ContainsFunc(wanted, func(e contract.Entry) bool { return slotOf(e) == place }) {
			continue
		}
		c.unready() // until others have what it had, such as a route
		if err := c.remove(ctx, n); err != nil {
			failed = append(failed, fmt.Errorf("remove network %s, interface %s: %w", place.network, place.ifName, err))
			continue
		}
		dropLink(n.link)
		delete(c.networks, place)
		c.Log.Info("the network is gone, and its interface removed", "network", place.network, "ifname", place.ifName)
	}
	slices.SortFunc(failed, byText) // the same error every time
	return errors.Join(failed...)
}

// remove leaves nothing of a network on VPP.
func (c *companion) remove(ctx context.Context, n *network) error {
	if n.spec.Endpoint == nil {
		return nil
	}
	n.done = false
	if err := c.engine.Remove(ctx, n.spec); err != nil {
		return err
	}
	n.spec = cnivpp.Spec{}
	return nil
}

func dropLink(link string) {
	if link != "" {
		_ = os.Remove(link) // one that stays does no harm
	}
}

func byText(a, b error) int { return strings.Compare(a.Error(), b.Error()) }

// removeLeftovers removes what an earlier usrsp-app made for networks that went
// while none was running, and frees their numbers. As long as the contract can't
// be read as a whole, nobody knows what is one.
func (c *companion) removeLeftovers(ctx context.Context, onVPP map[string]uint32) error {
	if !c.isWhole() {
		return nil
	}
	claimed := map[string]bool{}
	for _, entry := range c.forVPP() {
		claimed[tagOf(entry)] = true
	}
	for _, n := range c.networks {
		claimed[n.spec.Tag] = true
	}
	var failed []error
	for tag, number := range onVPP {
		if claimed[tag] {
			continue
		}
		c.unready()
		if err := c.engine.RemoveTagged(ctx, tag); err != nil {
			failed = append(failed, fmt.Errorf("remove what no network claims, number %d: %w", number, err))
			continue
		}
		delete(onVPP, tag)
		c.Log.Info("removed an interface that no network claims", "number", number, "tag", tag)
	}
	slices.SortFunc(failed, byText)
	return errors.Join(failed...)
}

// wanted is a network with what it should be.
type wanted struct {
	contract.Entry
	*network
	to cnivpp.Spec
	// lost are routes that it brings and an earlier network has.
	lost []vpp.Route
	err  error
}

// apply brings the networks to what the contract says. What has to go goes
// first, everywhere: a route must not be on VPP twice.
func (c *companion) apply(ctx context.Context) error {
	all := c.want()
	var failed []error
	for i := range all {
		if w := &all[i]; w.err == nil && !w.isDone() {
			c.unready()
			w.err = c.clear(ctx, w)
		}
	}
	for i := range all {
		w := &all[i]
		if w.err == nil && !w.isDone() {
			w.err = c.ensure(ctx, w)
		}
		if w.err != nil {
			c.unready()
			failed = append(failed, fmt.Errorf("network %s, interface %s: %w", w.Name, w.IfName, w.err))
		}
	}
	return errors.Join(failed...)
}

// want describes every network.
func (c *companion) want() []wanted {
	entries := c.forVPP()
	shares, lost := share(entries)
	c.reportLost(lost)
	all := make([]wanted, len(entries))
	for i, entry := range entries {
		w := wanted{Entry: entry, network: c.networks[slotOf(entry)]}
		for _, l := range lost {
			if l.slot == slotOf(entry) {
				w.lost = append(w.lost, l.route)
			}
		}
		w.to, w.err = c.spec(entry, w.number, shares[i])
		all[i] = w
	}
	return all
}

// reportLost logs each route that is left out once.
func (c *companion) reportLost(lost []loss) {
	known := c.lost
	c.lost = map[loss]bool{}
	for _, l := range lost {
		c.lost[l] = true
		if !known[l] {
			c.Log.Warn("the route is left out: there is an earlier one to the same destination",
				"route", l.route.String(), "network", l.slot.network, "earlier", l.earlier)
		}
	}
}

func (w *wanted) isDone() bool { return w.done && reflect.DeepEqual(w.spec, w.to) }

// clear takes away what the network has on VPP and shouldn't. Routes go alone;
// anything else that has changed goes with the whole interface.
func (c *companion) clear(ctx context.Context, w *wanted) error {
	if w.spec.Endpoint != nil && !onlyRoutesDiffer(w.spec, w.to) {
		return c.remove(ctx, w.network)
	}
	extra := slices.DeleteFunc(slices.Concat(w.spec.Routes, w.lost), func(r vpp.Route) bool {
		return slices.ContainsFunc(w.to.Routes, func(kept vpp.Route) bool { return kept.Prefix == r.Prefix })
	})
	if len(extra) == 0 {
		return nil
	}
	return c.engine.Withdraw(ctx, w.to, extra)
}

func onlyRoutesDiffer(a, b cnivpp.Spec) bool {
	a.Routes, b.Routes = nil, nil
	return reflect.DeepEqual(a, b)
}

// ensure makes the network.
func (c *companion) ensure(ctx context.Context, w *wanted) error {
	link := c.dir(w.Config.Socket().Name).Link
	if w.link != link {
		dropLink(w.link)
	}
	w.spec, w.link, w.done = w.to, link, false
	if err := c.engine.Ensure(ctx, w.to, false); err != nil {
		return err
	}
	w.done = true
	c.Log.Info("interface is configured", "network", w.Name, "ifname", w.IfName, "interface", w.to.Endpoint.Interface())
	return nil
}
