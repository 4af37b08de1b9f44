package fakeapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
)

// maxAnnotations is apimachinery's TotalAnnotationSizeLimitB.
const maxAnnotations = 256 << 10

// pod answers a request about one pod.
func (s *Server) pod(w http.ResponseWriter, r *http.Request) {
	if s.hooked(w, r) {
		return
	}
	patch, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client is gone
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	namespace, name := r.PathValue("namespace"), r.PathValue("name")
	pod, ok := s.pods[namespace+"/"+name]
	switch {
	case s.refused(w, r, access{strings.ToLower(r.Method), "pods", name, namespace}):
	case r.Method != http.MethodGet && r.Method != http.MethodPatch:
		Fail(w, http.StatusMethodNotAllowed, "MethodNotAllowed", "the server does not allow this method on the requested resource")
	case !ok:
		Fail(w, http.StatusNotFound, "NotFound", fmt.Sprintf("pods %q not found", name))
	case r.Method == http.MethodGet:
		answer(w, http.StatusOK, pod)
	case r.Header.Get("Content-Type") != "application/json-patch+json":
		unknownFormat(w)
	default:
		s.patch(w, namespace+"/"+name, pod, patch)
	}
}

// patch does what kube-apiserver's jsonPatcher and the pod's validation do.
func (s *Server) patch(w http.ResponseWriter, key string, pod object, body []byte) {
	patch, err := jsonpatch.DecodePatch(body)
	if err != nil {
		Fail(w, http.StatusBadRequest, "BadRequest", err.Error())
		return
	}
	patched, err := patch.Apply(encode(pod))
	if err != nil {
		Fail(w, http.StatusUnprocessableEntity, "Invalid", "the server rejected our request due to an error in our request")
		return
	}
	var out object
	if err := json.Unmarshal(patched, &out); err != nil {
		Fail(w, http.StatusUnprocessableEntity, "Invalid", err.Error())
		return
	}
	if problem := invalid(pod, out); problem != "" {
		Fail(w, http.StatusUnprocessableEntity, "Invalid", fmt.Sprintf("Pod %q is invalid: %s", key, problem))
		return
	}
	s.store(key, out)
	answer(w, http.StatusOK, out)
}

// invalid says what a patch may not do.
func invalid(before, after object) string {
	metadata, _ := after["metadata"].(object)
	if !reflect.DeepEqual(before["spec"], after["spec"]) {
		return "spec: Forbidden: pod updates may not change fields"
	}
	if metadata["uid"] != before["metadata"].(object)["uid"] {
		return "metadata.uid: Invalid value: field is immutable"
	}
	size := 0
	annotations, _ := metadata["annotations"].(object)
	for key, value := range annotations {
		text, ok := value.(string)
		if !ok || strings.Count(key, "/") > 1 || strings.ContainsAny(key, " =~") {
			return fmt.Sprintf("metadata.annotations: Invalid value: %q", key)
		}
		size += len(key) + len(text)
	}
	if size > maxAnnotations {
		return fmt.Sprintf("metadata.annotations: Too long: may not be more than %d bytes", maxAnnotations)
	}
	return ""
}

// Fail answers with a Status object.
func Fail(w http.ResponseWriter, code int, reason, message string) {
	answer(w, code, status(code, reason, message))
}

func status(code int, reason, message string) object {
	return object{
		"kind": "Status", "apiVersion": "v1", "metadata": object{}, "status": "Failure",
		"message": message, "reason": reason, "code": code,
	}
}

func answer(w http.ResponseWriter, code int, doc object) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_, _ = w.Write(encode(doc))
}

// encode is the JSON of kube-apiserver's serializer, which patches are applied
// to: JSON patch compares strings as they are written there.
func encode(doc object) []byte {
	var out bytes.Buffer
	if err := json.NewEncoder(&out).Encode(doc); err != nil {
		panic(err)
	}
	return out.Bytes()
}
