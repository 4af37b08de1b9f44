// Package cnivpp is the VPP engine: it makes, checks and removes endpoints on
// one VPP, be it the host's (for the CNI plugin) or a container's (for
// usrsp-app), by the same code: observe, plan, apply. What differs between
// kinds of endpoints is in their own folders; the registry in kinds.go is the
// only place that lists them. It knows nothing of CNI, Kubernetes or records.
package cnivpp
