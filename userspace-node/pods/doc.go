// Package pods is what the node agent has to do with the API server: it watches
// the pods of its node, and tells people what became of their endpoints by
// events on the pods.
//
// It answers one question: is this pod gone? What follows from a yes can't be
// taken back, so it never says yes from what it remembers. A watch may be behind
// the kubelet, and a list come from a cache: a pod that isn't there may be one
// that isn't there yet. Only a list that began after the question, read past all
// caches, says that a pod is gone; while there is a doubt, nothing is known.
//
// It writes nothing but events, and knows nothing of VPP and of records.
package pods
