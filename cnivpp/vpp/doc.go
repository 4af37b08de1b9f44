// Package vpp is what every kind of endpoint on VPP shares: a session with one
// VPP, the form of observations, plans and steps, and the parts of an endpoint
// that don't depend on its kind (bridge domain, tag, MTU, addresses, routes).
//
// A Part observes its piece of VPP, an Observation plans from what was seen
// (purely, as text in tests), and a Step changes VPP. No part knows of
// Kubernetes, of files, or of the kinds that use it.
package vpp
