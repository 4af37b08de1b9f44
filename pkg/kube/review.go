package kube

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
)

// reviewPath is where the API server says what its caller may do.
var reviewPath = []string{"apis", "authorization.k8s.io", "v1", "selfsubjectaccessreviews"}

// MayPods asks whether the kubeconfig's user may do this (get, patch) to the pods
// of all namespaces. It changes nothing: the server keeps no review. Whoever has
// credentials may ask, by the role system:basic-user.
func (c *Client) MayPods(ctx context.Context, verb string) (bool, error) {
	ctx, cancel := limited(ctx)
	defer cancel()
	doing := "ask whether the kubeconfig's user may " + verb + " pods"
	var review reviewJSON
	review.APIVersion, review.Kind = "authorization.k8s.io/v1", "SelfSubjectAccessReview"
	review.Spec.ResourceAttributes = attributes{Verb: verb, Version: "v1", Resource: "pods"}
	body, err := json.Marshal(review)
	if err != nil {
		return false, err
	}
	answer, err := c.send(ctx, request{http.MethodPost, reviewPath, "application/json", body})
	if err != nil {
		return false, c.advise(ctx, doing, err)
	}
	if err := json.Unmarshal(answer, &review); err != nil {
		return false, fmt.Errorf("%s: the answer of %s is not a review: %w", doing, c.server, err)
	}
	return review.Status.Allowed, nil
}

// reviewJSON is a v1 SelfSubjectAccessReview as far as it is used. An attribute
// that is left out stands for all: the empty namespace for every one.
type reviewJSON struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Spec       struct {
		ResourceAttributes attributes `json:"resourceAttributes"`
	} `json:"spec"`
	Status struct {
		Allowed bool `json:"allowed"`
	} `json:"status"`
}

type attributes struct {
	Verb     string `json:"verb"`
	Version  string `json:"version"`
	Resource string `json:"resource"`
}
