package vpp

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCountApplications(t *testing.T) {
	// As 26.06 prints it, with the NUL that ends its ids, and with names of two words
	// and of none.
	text := "Index     Name                Namespace                               \n" +
		"1         vcl                 usrsp-0011\x00                             \n" +
		"2         two words           usrsp-0011                              \n" +
		"3                             usrsp-2233                              \n" +
		"4         vcl                 default                                 \n"
	want := map[string]int{"usrsp-0011": 2, "default": 1}
	if diff := cmp.Diff(want, countApplications(text)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestParseAppNamespace(t *testing.T) {
	text := "Application namespace [1]\nid:        usrsp-00\nsecret:    0\nInterface: loop5\n" +
		"Socket:    abstract:vpp/session,netns_name=/run/netns/p\nListener                      Application                   \n"
	want := &AppNamespace{ID: "usrsp-00", Interface: "loop5", Socket: "abstract:vpp/session,netns_name=/run/netns/p"}
	got, err := parseAppNamespace(text)
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v; -want +got:\n%s", err, diff)
	}
	if _, err := parseAppNamespace("what?"); err == nil {
		t.Error("nonsense is taken for a namespace")
	}
}
