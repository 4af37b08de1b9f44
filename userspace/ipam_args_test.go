package userspace

import (
	"slices"
	"testing"
)

// TestIPAMEnviron: several addresses in CNI_ARGS are left out where the configuration
// has them, and nothing else is.
func TestIPAMEnviron(t *testing.T) {
	const asked = `{"runtimeConfig":{"ips":["10.0.0.2/24","fd00::2/64"]}}`
	for _, c := range []struct{ stdin, args, want string }{
		{asked, "A=b;IP=10.0.0.2/24,fd00::2/64;C=d", "A=b;C=d"},
		{asked, "IP=10.0.0.2/24,fd00::2/64", ""},
		{asked, "A=b;IP=10.0.0.2/24", "A=b;IP=10.0.0.2/24"},
		{`{"runtimeConfig":{}}`, "IP=10.0.0.2,fd00::2", "IP=10.0.0.2,fd00::2"},
		{`{}`, "IP=10.0.0.2,fd00::2", "IP=10.0.0.2,fd00::2"},
	} {
		given := []string{"X=y", "CNI_ARGS=" + c.args, "IP=1,2"}
		got := ipamEnviron(given, []byte(c.stdin))
		if want := []string{"X=y", "CNI_ARGS=" + c.want, "IP=1,2"}; !slices.Equal(got, want) {
			t.Errorf("%s, %q: %q, want %q", c.stdin, c.args, got, want)
		}
		if given[1] != "CNI_ARGS="+c.args {
			t.Errorf("the caller's environment is %q now", given)
		}
	}
}
