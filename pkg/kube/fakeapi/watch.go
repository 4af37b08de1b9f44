package fakeapi

import (
	"bytes"
	"cmp"
	"encoding/json"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The types of a watch's events.
const (
	added    = "ADDED"
	modified = "MODIFIED"
	deleted  = "DELETED"
	bookmark = "BOOKMARK"
	failed   = "ERROR"
)

// change is what happened to a pod at a version, with the pod as it was then.
// A bookmark has no more than a version.
type change struct {
	kind    string
	version int
	pod     []byte
}

// happened adds to the history and gives the pod its resourceVersion.
func (s *Server) happened(kind string, pod object) {
	s.version++
	pod["metadata"].(object)["resourceVersion"] = strconv.Itoa(s.version)
	s.history = append(s.history, change{kind, s.version, encode(pod)})
	s.wake()
}

func (s *Server) wake() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// Bookmark tells the watches which version they are at.
func (s *Server) Bookmark() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.happened(bookmark, object{"kind": "Pod", "apiVersion": "v1", "metadata": object{"creationTimestamp": nil}})
}

// Expire forgets the history: watches, those that run too, end with 410 Gone.
func (s *Server) Expire() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.version++
	s.history, s.forgotten = nil, s.version
	s.wake()
}

// allPods answers a list, or a watch, of the pods in all namespaces.
func (s *Server) allPods(w http.ResponseWriter, r *http.Request) {
	if s.hooked(w, r) {
		return
	}
	query := r.URL.Query()
	verb := "list"
	if query.Get("watch") == "1" || query.Get("watch") == "true" {
		verb = "watch"
	}
	as, acceptable := accepted(r)
	node, known := selected(query)
	s.mutex.Lock()
	stop := true
	switch {
	case s.refused(w, r, access{verb: verb, resource: "pods"}):
	case !acceptable:
		Fail(w, http.StatusNotAcceptable, "NotAcceptable", "only the following media types are accepted: application/json")
	case !known:
		Fail(w, http.StatusBadRequest, "BadRequest", "field label not supported")
	case query.Has("sendInitialEvents"):
		// As servers answer that don't stream lists.
		Fail(w, http.StatusUnprocessableEntity, "Invalid",
			"sendInitialEvents: Forbidden: sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled")
	case verb == "list":
		s.list(w, node, as)
	default:
		stop = false
	}
	s.mutex.Unlock()
	if !stop {
		s.watch(w, r, query, view{node, as})
	}
}

// accepted is the kind of object that a request wants its answer as, may be
// empty: that of the first media type that is known here.
func accepted(r *http.Request) (as string, ok bool) {
	for _, part := range strings.Split(cmp.Or(r.Header.Get("Accept"), "*/*"), ",") {
		kind, params, err := mime.ParseMediaType(part)
		if err == nil && (kind == "application/json" || kind == "*/*") {
			return params["as"], true
		}
	}
	return "", false
}

// selected is the node of the field selector; empty: any.
func selected(query url.Values) (node string, ok bool) {
	selector := query.Get("fieldSelector")
	node, ok = strings.CutPrefix(selector, "spec.nodeName=")
	return node, ok || selector == ""
}

func (s *Server) list(w http.ResponseWriter, node, as string) {
	items := []object{}
	v := view{node, strings.TrimSuffix(as, "List")}
	for _, key := range slices.Sorted(maps.Keys(s.pods)) {
		if v.has(s.pods[key]) {
			items = append(items, v.of(s.pods[key]))
		}
	}
	list := object{"kind": "PodList", "apiVersion": "v1"}
	if as != "" {
		list = object{"kind": as, "apiVersion": "meta.k8s.io/v1"}
	}
	list["metadata"] = object{"resourceVersion": strconv.Itoa(s.version)}
	list["items"] = items
	answer(w, http.StatusOK, list)
}

// view is what of the pods a request wants to see.
type view struct{ node, as string }

func (v view) has(pod object) bool {
	spec, _ := pod["spec"].(object)
	return v.node == "" || spec["nodeName"] == v.node
}

func (v view) of(pod object) object {
	if v.as == "" {
		return pod
	}
	return object{"kind": v.as, "apiVersion": "meta.k8s.io/v1", "metadata": pod["metadata"]}
}

// watch streams what happens to pods from the version asked for on, until the
// client goes, its time is up, or the version is forgotten.
func (s *Server) watch(w http.ResponseWriter, r *http.Request, query url.Values, v view) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusOK)
	flush := http.NewResponseController(w).Flush
	_ = flush()
	var timeout <-chan time.Time
	if seconds, err := strconv.Atoi(query.Get("timeoutSeconds")); err == nil {
		timer := time.NewTimer(time.Duration(seconds) * time.Second)
		defer timer.Stop()
		timeout = timer.C
	}
	at, _ := strconv.Atoi(query.Get("resourceVersion"))
	for {
		s.mutex.Lock()
		lines, now, gone := s.since(at, v, query.Get("allowWatchBookmarks") == "true")
		changed := s.changed
		s.mutex.Unlock()
		if _, err := w.Write(lines); err != nil || gone || flush() != nil {
			return
		}
		at = now
		select {
		case <-changed:
		case <-timeout:
			return
		case <-r.Context().Done():
			return
		case <-s.closed:
			return
		}
	}
}

// since is what a watch that has seen everything up to a version has to see
// next. Version 0 is before all pods that there are.
func (s *Server) since(version int, v view, bookmarks bool) (lines []byte, now int, gone bool) {
	var out bytes.Buffer
	write := func(kind string, doc object) { out.Write(encode(object{"type": kind, "object": doc})) }
	switch {
	case version == 0:
		for _, key := range slices.Sorted(maps.Keys(s.pods)) {
			if v.has(s.pods[key]) {
				write(added, v.of(s.pods[key]))
			}
		}
	case version < s.forgotten:
		write(failed, status(http.StatusGone, "Expired", "too old resource version"))
		return out.Bytes(), s.version, true
	default:
		for _, c := range s.history {
			var pod object
			if err := json.Unmarshal(c.pod, &pod); err != nil {
				panic(err)
			}
			if c.version > version && (c.kind == bookmark && bookmarks || c.kind != bookmark && v.has(pod)) {
				write(c.kind, v.of(pod))
			}
		}
	}
	return out.Bytes(), s.version, false
}
