package vpp

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseAppNamespaces(t *testing.T) {
	const socket = "abstract:vpp/s,netns_name=/var/run/netns/simt"
	for name, tc := range map[string]struct {
		table string
		want  map[string]AppNamespace
	}{
		"26.06": {
			"\x1b[33mIndex\x1b[0m \x1b[33mSecret\x1b[0m \x1b[33mInterface           \x1b[0m \x1b[33mId     \x1b[0m \x1b[33mSocket                                       \x1b[0m\n" +
				"0    \x1b[0m 0     \x1b[0m DELETED (4294967295)\x1b[0m default\x1b[0m /run/vpp/app_ns_sockets/default              \x1b[0m\n" +
				"1    \x1b[0m 0     \x1b[0m loop0               \x1b[0m a      \x1b[0m abstract:vpp/s,netns_name=/var/run/netns/simt\x1b[0m\n" +
				"3    \x1b[0m 0     \x1b[0m DELETED (2)         \x1b[0m fail   \x1b[0m (nil)                                        \x1b[0m\n",
			map[string]AppNamespace{
				"default": {"default", "DELETED (4294967295)", "/run/vpp/app_ns_sockets/default"},
				"a":       {"a", "loop0", socket},
				"fail":    {"fail", "DELETED (2)", ""},
			},
		},
		"23.06": {
			"\x1b[33mIndex\x1b[0m \x1b[33mSecret\x1b[0m \x1b[33mInterface\x1b[0m \x1b[33mId     \x1b[0m \x1b[33mSocket                                       \x1b[0m\n" +
				"0    \x1b[0m 0     \x1b[0m DELETED  \x1b[0m default\x1b[0m /run/vpp/app_ns_sockets/default              \x1b[0m\n" +
				"1    \x1b[0m 0     \x1b[0m loop0    \x1b[0m a      \x1b[0m abstract:vpp/s,netns_name=/var/run/netns/simt\x1b[0m\n",
			map[string]AppNamespace{
				"default": {"default", "DELETED", "/run/vpp/app_ns_sockets/default"},
				"a":       {"a", "loop0", socket},
			},
		},
		"without colours, with wide numbers and short ids": {
			"Index Secret               Interface Id Socket\n" +
				"10    18446744073709551615 DELETED   x  /a\r\n\n",
			map[string]AppNamespace{"x": {"x", "DELETED", "/a"}},
		},
		"no rows": {"Index Secret Interface Id Socket\n", map[string]AppNamespace{}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := parseAppNamespaces(tc.table)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
	for _, broken := range []string{"", "nonsense\n", "Index Secret Interface Id Socket\n1 2\n"} {
		if _, err := parseAppNamespaces(broken); err == nil {
			t.Errorf("%q: no error", broken)
		}
	}
}
