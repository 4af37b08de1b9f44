package kube

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	clientcmd "k8s.io/client-go/tools/clientcmd/api/v1"
)

// fieldNames are the JSON names of a struct's fields.
func fieldNames(value any) []string {
	var names []string
	for _, field := range reflect.VisibleFields(reflect.TypeOf(value)) {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// TestFileIsClientGos: our types have the fields of client-go's, by the same
// names, except those that mean nothing to us. A field that client-go gains is to
// be read, refused, or listed here.
func TestFileIsClientGos(t *testing.T) {
	for name, c := range map[string]struct {
		ours, theirs any
		ignored      []string
	}{
		"config":          {file{}, clientcmd.Config{}, []string{"apiVersion", "extensions", "kind", "preferences"}},
		"cluster":         {cluster{}, clientcmd.Cluster{}, []string{"disable-compression", "extensions"}},
		"user":            {user{}, clientcmd.AuthInfo{}, []string{"extensions"}},
		"context":         {namedContext{}.Context, clientcmd.Context{}, []string{"extensions", "namespace"}},
		"a named cluster": {namedCluster{}, clientcmd.NamedCluster{}, nil},
		"a named user":    {namedUser{}, clientcmd.NamedAuthInfo{}, nil},
		"a named context": {namedContext{}, clientcmd.NamedContext{}, nil},
	} {
		got := append(fieldNames(c.ours), c.ignored...)
		slices.Sort(got)
		if want := fieldNames(c.theirs); !slices.Equal(got, want) {
			t.Errorf("%s: ours, and ignored: %v\nclient-go's: %v", name, got, want)
		}
	}
}
