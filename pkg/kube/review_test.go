package kube

import (
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/userspace-cni/userspace-cni/pkg/kube/fakeapi"
)

// TestMayPods asks for what is allowed and for what is denied.
func TestMayPods(t *testing.T) {
	s, c := newServer(t, "")
	s.Deny("patch")
	for verb, want := range map[string]bool{"get": true, "patch": false} {
		may, err := c.MayPods(within(t, 10*time.Second), verb)
		if err != nil || may != want {
			t.Errorf("%s: %t, %v, want %t", verb, may, err, want)
		}
	}
}

// TestMayPodsFails: an answer that is none is an error, not a refusal.
func TestMayPodsFails(t *testing.T) {
	s, c := newServer(t, "")
	s.Hook(func(w http.ResponseWriter, _ *http.Request) bool {
		fakeapi.Fail(w, http.StatusUnauthorized, "Unauthorized", "Unauthorized")
		return true
	})
	_, err := c.MayPods(within(t, 10*time.Second), "get")
	mustSay(t, err, "may get pods", "renew its token")
	if !errors.Is(err, ErrUnauthorized) {
		t.Errorf("%v is not ErrUnauthorized", err)
	}
	s.Hook(func(w http.ResponseWriter, _ *http.Request) bool {
		fmt.Fprint(w, "<html>")
		return true
	})
	_, err = c.MayPods(within(t, 10*time.Second), "get")
	mustSay(t, err, "is not a review")
}
