// Package deviceinfo is the file that tells the runtime what the pod got as its
// device, as the Network Plumbing Working Group's Device Information
// Specification 1.1.0 has it
// (https://github.com/k8snetworkplumbingwg/device-info-spec). It owns the
// format, where such a file may be, and how it is written, compared and
// removed. It knows neither the network's configuration nor CNI.
//
// The types are our own: those of the working group's client library, which the
// tests read the files with, link apimachinery into every CNI call.
package deviceinfo
