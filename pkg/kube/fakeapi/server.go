package fakeapi

import (
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"sync"
)

// Token is what the server wants to see of its one user.
const Token = "fakeapi-token"

// Server is an API server with some pods. Its zero value is not ready: see New.
type Server struct {
	*httptest.Server

	mutex    sync.Mutex
	pods     map[string]object
	events   []json.RawMessage
	version  int
	requests []string
	denied   []string
	hook     func(w http.ResponseWriter, r *http.Request) bool

	// history is what happened to pods since the version in forgotten.
	history   []change
	forgotten int
	// changed is closed, and replaced, when there is more history.
	changed chan struct{}
	closed  chan struct{}
	closing sync.Once
}

// object is a pod as JSON.
type object = map[string]any

// New starts a server. Close stops it.
func New() *Server {
	// Version 0 means another thing to a watch.
	s := &Server{pods: map[string]object{}, version: 1, changed: make(chan struct{}), closed: make(chan struct{})}
	mux := http.NewServeMux()
	mux.HandleFunc("/api/v1/namespaces/{namespace}/pods/{name}", s.pod)
	mux.HandleFunc("POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews", s.review)
	mux.HandleFunc("GET /api/v1/pods", s.allPods)
	mux.HandleFunc("POST /api/v1/namespaces/{namespace}/events", s.createEvent)
	s.Server = httptest.NewUnstartedServer(mux)
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // clients are killed on purpose
	s.EnableHTTP2 = true                           // client-go speaks it, with its pings
	s.StartTLS()
	return s
}

// Close ends the watches and stops the server; it may be called again.
func (s *Server) Close() {
	s.closing.Do(func() { close(s.closed) })
	s.Server.Close()
}

// Put makes or changes a pod, given as JSON with metadata.namespace and name. A
// pod of that name with another UID is deleted first.
func (s *Server) Put(doc string) {
	var pod object
	if err := json.Unmarshal([]byte(doc), &pod); err != nil {
		panic(err)
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	metadata := pod["metadata"].(object)
	key := fmt.Sprint(metadata["namespace"], "/", metadata["name"])
	if old, ok := s.pods[key]; ok && old["metadata"].(object)["uid"] != metadata["uid"] {
		s.remove(key)
	}
	s.store(key, pod)
}

// Delete removes a pod.
func (s *Server) Delete(namespace, name string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.remove(namespace + "/" + name)
}

// Edit changes a pod as another writer would.
func (s *Server) Edit(namespace, name string, edit func(pod map[string]any)) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	pod := s.pods[namespace+"/"+name]
	edit(pod)
	s.store(namespace+"/"+name, pod)
}

// Annotate sets one annotation as another writer would.
func (s *Server) Annotate(namespace, name, key, value string) {
	s.Edit(namespace, name, func(pod map[string]any) {
		metadata := pod["metadata"].(object)
		if metadata["annotations"] == nil {
			metadata["annotations"] = object{}
		}
		metadata["annotations"].(object)[key] = value
	})
}

// Annotations are a pod's; nil where there are none.
func (s *Server) Annotations(namespace, name string) map[string]string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	metadata, _ := s.pods[namespace+"/"+name]["metadata"].(object)
	annotations, ok := metadata["annotations"].(object)
	if !ok {
		return nil
	}
	out := map[string]string{}
	for key, value := range annotations {
		out[key] = value.(string)
	}
	return out
}

// Deny takes a verb from the user: get, patch, list or watch on pods, create on
// events.
func (s *Server) Deny(verb string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.denied = append(s.denied, verb)
}

// Hook is called before each request of a user is looked at. When it returns
// true it has answered. It may change the pods.
func (s *Server) Hook(hook func(w http.ResponseWriter, r *http.Request) bool) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.hook = hook
}

// Requests are the methods of all requests so far.
func (s *Server) Requests() []string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return slices.Clone(s.requests)
}

// Kubeconfig writes a kubeconfig for the server into a directory.
func (s *Server) Kubeconfig(dir string) (string, error) {
	path := filepath.Join(dir, "kubeconfig")
	doc, err := json.Marshal(map[string]any{
		"apiVersion": "v1", "kind": "Config", "current-context": "c",
		"contexts": []any{object{"name": "c", "context": object{"cluster": "k", "user": "u"}}},
		"clusters": []any{object{"name": "k", "cluster": object{"server": s.URL, "certificate-authority-data": s.CA()}}},
		"users":    []any{object{"name": "u", "user": object{"token": Token}}},
	})
	if err != nil {
		return "", err
	}
	return path, os.WriteFile(path, doc, 0o600)
}

// CA is the certificate to trust, as PEM.
func (s *Server) CA() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
}

// store keeps a pod under a new resourceVersion, without an empty map of
// annotations, which v1's JSON leaves out.
func (s *Server) store(key string, pod object) {
	metadata := pod["metadata"].(object)
	if annotations, ok := metadata["annotations"].(object); ok && len(annotations) == 0 {
		delete(metadata, "annotations")
	}
	kind := added
	if s.pods[key] != nil {
		kind = modified
	}
	s.pods[key] = pod
	s.happened(kind, pod)
}

func (s *Server) remove(key string) {
	if pod, ok := s.pods[key]; ok {
		delete(s.pods, key)
		s.happened(deleted, pod)
	}
}
