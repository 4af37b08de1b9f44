// Command bench prints how fast and how large the plugin is: ratios, each to
// something that is measured in turn with it in the same run, and each beside
// its target. It runs on the simulator and, where there is one, on a real VPP,
// whose figures count. It fails only when something doesn't work, never because
// something is slow.
package main
