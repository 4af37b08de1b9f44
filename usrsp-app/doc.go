// Package usrspapp runs in the container: it waits for the contract and for the
// container's VPP, configures that VPP as the contract says, by the same code
// that the plugin uses on the host, and keeps it so. It treats the contract as
// input from a stranger, and never talks to the API server.
package usrspapp
