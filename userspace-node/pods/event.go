package pods

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// maxMessage is what the API server allows in events of the newer kind.
const maxMessage = 1024

// separator stands between the messages of one event.
const separator = "; "

// series is what there is to say of a pod for one reason.
type series struct {
	// due is when it may be said.
	due      time.Time
	interval time.Duration

	kind        string
	messages    []string
	count       int
	first, last time.Time
}

func (s *series) add(n notice) {
	if s.count == 0 {
		s.first = n.at
	}
	s.count++
	s.kind, s.last = n.kind, n.at
	message := strings.ToValidUTF8(n.message[:min(len(n.message), maxMessage)], "")
	if slices.Contains(s.messages, message) {
		return
	}
	if together := strings.Join(append(s.messages, message), separator); len(together) <= maxMessage {
		s.messages = append(s.messages, message)
	}
}

// restart begins to gather for the next event.
func (s *series) restart(most time.Duration) {
	s.count, s.messages = 0, nil
	s.due = time.Now().Add(s.interval)
	s.interval = min(2*s.interval, most)
}

// event is a v1 Event as far as it is filled in.
type event struct {
	Kind       string          `json:"kind"`
	APIVersion string          `json:"apiVersion"`
	Metadata   objectMeta      `json:"metadata"`
	Involved   objectReference `json:"involvedObject"`
	Type       string          `json:"type"`
	Reason     string          `json:"reason"`
	Message    string          `json:"message"`
	Count      int             `json:"count"`
	First      string          `json:"firstTimestamp"`
	Last       string          `json:"lastTimestamp"`
	Source     eventSource     `json:"source"`
	Component  string          `json:"reportingComponent"`
	Instance   string          `json:"reportingInstance"`
}

type objectMeta struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
}

type objectReference struct {
	Kind       string `json:"kind"`
	APIVersion string `json:"apiVersion"`
	Namespace  string `json:"namespace"`
	Name       string `json:"name"`
	UID        string `json:"uid,omitempty"`
}

type eventSource struct {
	Component string `json:"component"`
	Host      string `json:"host"`
}

func (s *series) event(about topic, node string) event {
	pod := about.ref
	return event{
		Kind: "Event", APIVersion: "v1",
		Metadata:  objectMeta{pod.Namespace, eventName(pod.Name)},
		Involved:  objectReference{"Pod", "v1", pod.Namespace, pod.Name, pod.UID},
		Type:      s.kind,
		Reason:    about.reason,
		Message:   strings.Join(s.messages, separator),
		Count:     s.count,
		First:     s.first.UTC().Format(time.RFC3339),
		Last:      s.last.UTC().Format(time.RFC3339),
		Source:    eventSource{component, node},
		Component: component,
		Instance:  node,
	}
}

// maxName is that of an object.
const maxName = 253

// eventName is one that no other event has, as client-go makes it.
func eventName(pod string) string {
	end := fmt.Sprintf(".%x", time.Now().UnixNano())
	return strings.TrimRight(pod[:min(len(pod), maxName-len(end))], ".-") + end
}
