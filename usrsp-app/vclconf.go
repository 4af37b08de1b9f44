package usrspapp

import (
	"cmp"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/userspace-cni/userspace-cni/pkg/contract"
	"github.com/userspace-cni/userspace-cni/pkg/netconf"
)

// defaultFifo is what VPP's own measurements and its tests with Kubernetes have
// (extras/scripts/host-stack/perf-tests/vcl_perf.conf, extras/kube-test): VCL's
// default of 1 MiB is less than a fast connection has in flight. VPP gives a
// session no more than it uses, in chunks, up to this.
const defaultFifo = 4_000_000

// vclText is the vcl.conf of an entry: one of our own, or the user's with our
// socket.
func (a *App) vclText(entry contract.Entry, userFile string) (string, error) {
	socket, err := a.vclSocket(entry)
	if err != nil {
		return "", err
	}
	if userFile == "" {
		return vclConf(*entry.Config.VCL, socket), nil
	}
	own, err := os.ReadFile(userFile)
	if err != nil {
		return "", fmt.Errorf("--config: %w", err)
	}
	text, err := withSocket(string(own), socket)
	if err != nil {
		return "", fmt.Errorf("--config %s: %w", userFile, err)
	}
	return text, nil
}

// vclConf has only what every release since 23.06 knows (vppcom_cfg_read_file in
// src/vcl/vcl_cfg.c), one option a line. Event descriptors let a program that
// waits by epoll sleep: without them it takes a CPU while idle. Sizes of heap and
// segments are VCL's own: memory is only reserved by them.
func vclConf(v netconf.VCL, socket string) string {
	scopes := v.Scopes
	if len(scopes) == 0 {
		scopes = []string{netconf.ScopeLocal, netconf.ScopeGlobal}
	}
	lines := []string{
		"# Written by usrsp-app.",
		"vcl {",
		fmt.Sprintf("  rx-fifo-size %d", cmp.Or(v.RxFifoSize, defaultFifo)),
		fmt.Sprintf("  tx-fifo-size %d", cmp.Or(v.TxFifoSize, defaultFifo)),
	}
	for _, scope := range []string{netconf.ScopeLocal, netconf.ScopeGlobal} {
		if slices.Contains(scopes, scope) {
			lines = append(lines, "  app-scope-"+scope)
		}
	}
	lines = append(lines, "  use-mq-eventfd", socketOption+socket, "}", "")
	return strings.Join(lines, "\n")
}

const socketOption = "  app-socket-api "

var (
	// section begins VCL's part; what stands behind it on the line VCL drops.
	section = regexp.MustCompile(`(?m)^[ \t]*vcl[ \t]*\{.*$`)
	// sectionEnd and ownSocket are lines in it.
	sectionEnd = regexp.MustCompile(`(?m)^[ \t]*\}`)
	ownSocket  = regexp.MustCompile(`(?m)^[ \t]*app-socket-api[ \t]`)
)

// withSocket is a user's vcl.conf, with our socket where it names none.
func withSocket(text, socket string) (string, error) {
	begin := section.FindStringIndex(text)
	if begin == nil {
		return "", fmt.Errorf(`there is no line "vcl {" in it`)
	}
	head, body := text[:begin[1]], text[begin[1]:]
	inside := body
	if end := sectionEnd.FindStringIndex(body); end != nil {
		inside = body[:end[0]]
	}
	if ownSocket.MatchString(inside) {
		return text, nil
	}
	return head + "\n" + socketOption + socket + body, nil
}
