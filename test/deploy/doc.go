// Package deploy checks the files of the folder deploy that no compiler reads:
// the manifest against Kubernetes' own types, and what they start the node agent
// with against its flags.
package deploy
