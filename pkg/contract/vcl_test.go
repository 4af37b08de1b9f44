package contract

import (
	"strings"
	"testing"
)

// TestVCLFaults: what goes into a vcl.conf has no room for anything else.
func TestVCLFaults(t *testing.T) {
	parse := func(config string) error {
		_, err := Parse([]byte(`{"name":"n","ifName":"net1","config":` + config + `}`))
		return err
	}
	for _, config := range []string{
		`{"iftype":"vcl","vcl":{"socketName":"vpp/session-net1_2.x","socketType":"abstract","scopes":["local","global"],"rxFifoSize":4096,"txFifoSize":1073741824,"addresses":["10.0.0.5","fd00::5"]}}`,
		`{"iftype":"vcl","vcl":{"socketName":"s.sock","socketType":"file"}}`,
		`{"iftype":"vcl"}`,
	} {
		if err := parse(config); err != nil {
			t.Errorf("%s: %v", config, err)
		}
	}
	for config, words := range map[string]string{
		`{"iftype":"vcl","vcl":{"socketName":"a\nmax-workers 1"}}`:                       "vcl.socketName",
		`{"iftype":"vcl","vcl":{"socketName":"a}"}}`:                                     "vcl.socketName",
		`{"iftype":"vcl","vcl":{"socketName":"a,netns_pid=1"}}`:                          "vcl.socketName",
		`{"iftype":"vcl","vcl":{"socketName":"` + strings.Repeat("a", 108) + `"}}`:       "vcl.socketName",
		`{"iftype":"vcl","vcl":{"socketName":"../s","socketType":"file"}}`:               "without a path",
		`{"iftype":"vcl","vcl":{"socketName":"..","socketType":"file"}}`:                 "without a path",
		`{"iftype":"vcl","vcl":{"socketName":"s","socketType":"tcp"}}`:                   "vcl.socketType",
		`{"iftype":"vcl","vcl":{"scopes":["local","galactic"]}}`:                         `vcl.scopes: "galactic"`,
		`{"iftype":"vcl","vcl":{"rxFifoSize":1}}`:                                        "rxFifoSize",
		`{"iftype":"vcl","vcl":{"txFifoSize":1073741825}}`:                               "txFifoSize",
		`{"iftype":"vcl","vcl":{"addresses":["fe80::1%eth0"]}}`:                          "vcl.addresses",
		`{"iftype":"vcl","vcl":{"addresses":[""]}}`:                                      "vcl.addresses",
		`{"iftype":"memif","memif":{"socketfile":"a/b","socketType":"abstract"}}`:        "without a path",
		`{"iftype":"vhostuser","vhost":{"socketfile":"a/b"},"vcl":{"socketName":"a/b"}}`: "without a path",
	} {
		if err := parse(config); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%s: error %v, want %q", config, err, words)
		}
	}
}
