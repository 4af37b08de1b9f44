// Command demo runs the main job before a user's eyes: two pods with two
// networks each ping one another over memif through the VPP of the host, set up
// by nothing but CNI calls and usrsp-app. It uses the networks of
// examples/vpp-memif-ping, unchanged.
package main
