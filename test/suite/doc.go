// Package suite tries the built plugin and usrsp-app as their users run them:
// every test runs on the simulator and, where there is one, on a real VPP, and
// ends by asserting that nothing is left on it, in files or in IPAM.
package suite
