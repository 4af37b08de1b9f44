package fakeapi

import (
	"fmt"
	"net/http"
	"slices"
)

// hooked notes a request and tells whether the hook has answered it.
func (s *Server) hooked(w http.ResponseWriter, r *http.Request) bool {
	s.mutex.Lock()
	s.requests = append(s.requests, r.Method)
	hook := s.hook
	s.mutex.Unlock()
	return hook != nil && hook(w, r)
}

// access is what a request needs a permission for; without a namespace it is
// for all of them.
type access struct{ verb, resource, name, namespace string }

// refused tells whether it has answered a user who may not do this.
func (s *Server) refused(w http.ResponseWriter, r *http.Request, a access) bool {
	switch {
	case r.Header.Get("Authorization") != "Bearer "+Token:
		Fail(w, http.StatusUnauthorized, "Unauthorized", "Unauthorized")
	case slices.Contains(s.denied, a.verb):
		Fail(w, http.StatusForbidden, "Forbidden", a.forbidden())
	default:
		return false
	}
	return true
}

func (a access) forbidden() string {
	what, where := a.resource, "at the cluster scope"
	if a.name != "" {
		what = fmt.Sprintf("%s %q", a.resource, a.name)
	}
	if a.namespace != "" {
		where = fmt.Sprintf("in the namespace %q", a.namespace)
	}
	return fmt.Sprintf(`%s is forbidden: User "u" cannot %s resource %q in API group "" %s`, what, a.verb, a.resource, where)
}

func unknownFormat(w http.ResponseWriter) {
	Fail(w, http.StatusUnsupportedMediaType, "UnsupportedMediaType", "the body of the request was in an unknown format")
}
