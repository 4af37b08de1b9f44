package fakeapi

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
)

// Events are the events that were posted so far, in their order, as JSON.
func (s *Server) Events() []json.RawMessage {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return slices.Clone(s.events)
}

// createEvent keeps an event that passes what kube-apiserver looks at.
func (s *Server) createEvent(w http.ResponseWriter, r *http.Request) {
	if s.hooked(w, r) {
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client is gone
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	namespace := r.PathValue("namespace")
	var event object
	switch {
	case s.refused(w, r, access{verb: "create", resource: "events", namespace: namespace}):
	case r.Header.Get("Content-Type") != "application/json":
		unknownFormat(w)
	case json.Unmarshal(body, &event) != nil || event["kind"] != "Event" || event["apiVersion"] != "v1":
		Fail(w, http.StatusBadRequest, "BadRequest", "the object provided is unrecognized")
	default:
		s.keepEvent(w, namespace, event)
	}
}

func (s *Server) keepEvent(w http.ResponseWriter, namespace string, event object) {
	metadata, _ := event["metadata"].(object)
	involved, _ := event["involvedObject"].(object)
	switch {
	case metadata["namespace"] != namespace:
		Fail(w, http.StatusBadRequest, "BadRequest", "the namespace of the provided object does not match the namespace sent on the request")
	case metadata["name"] == nil:
		Fail(w, http.StatusUnprocessableEntity, "Invalid", "metadata.name: Required value: name or generateName is required")
	case involved["namespace"] != namespace:
		Fail(w, http.StatusUnprocessableEntity, "Invalid", fmt.Sprintf(
			"involvedObject.namespace: Invalid value: %q: does not match event.namespace", involved["namespace"]))
	default:
		s.events = append(s.events, encode(event))
		answer(w, http.StatusCreated, event)
	}
}
