package fakeapi

import (
	"encoding/json"
	"net/http"
	"slices"
)

// review answers what the user may do to pods: whatever nobody denied. Other
// resources are none of this user's.
func (s *Server) review(w http.ResponseWriter, r *http.Request) {
	if s.hooked(w, r) {
		return
	}
	var doc struct {
		Spec struct {
			ResourceAttributes struct{ Verb, Group, Resource string }
		}
	}
	if err := json.NewDecoder(r.Body).Decode(&doc); err != nil {
		Fail(w, http.StatusBadRequest, "BadRequest", err.Error())
		return
	}
	if r.Header.Get("Authorization") != "Bearer "+Token {
		Fail(w, http.StatusUnauthorized, "Unauthorized", "Unauthorized")
		return
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	asked := doc.Spec.ResourceAttributes
	allowed := asked.Group == "" && asked.Resource == "pods" && !slices.Contains(s.denied, asked.Verb)
	answer(w, http.StatusCreated, object{
		"kind": "SelfSubjectAccessReview", "apiVersion": "authorization.k8s.io/v1", "metadata": object{},
		"spec": doc.Spec, "status": object{"allowed": allowed},
	})
}
