// Package fakeapi is an API server for tests: over real HTTPS it answers GET and
// PATCH of pods as kube-apiserver does, with the library that kube-apiserver
// applies JSON patches with and the status objects it refuses them with. It
// lists and watches the pods of a node, whole or their metadata only, in JSON,
// and takes events. It keeps pods as JSON, so it knows nothing of what is in
// them.
package fakeapi
