package netconf

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/userspace-cni/userspace-cni/pkg/internal/leak"
)

// withSecrets is a document whose secrets are ones that leak finds.
func withSecrets(data []byte) []byte {
	return bytes.ReplaceAll(data, []byte(`"secret": "`), []byte(`"secret": "`+leak.Mark))
}

// FuzzParseFor: whatever the author of a network and of a pod write, a fault
// names its field in one line, nothing tells a secret, and what is accepted is
// within its limits, is what DEL reads, and is the same when it is read again.
func FuzzParseFor(f *testing.F) {
	for _, file := range append(jsonFiles(f, "valid"), jsonFiles(f, "invalid")...) {
		f.Add(withSecrets(readFile(f, file)), "MAC=02:00:00:00:00:01;IP=10.0.0.1/24,fd00::1")
	}
	f.Add([]byte(`{"name":"n","host":{"iftype":"vcl","vcl":{"socketType":"file","socketName":"../other-pod/app.sock"}}}`), "")
	f.Add([]byte(`{"host":{"memif":[{"secret":"hush-list"}]}}`), "IgnoreUnknown=1;K8S_POD_NAME=a")
	f.Add([]byte(`{"host":{"bridge":{"trunks":[{"Secret":"hush-trunk"}]},"memif":{"mtu":{"\u0073ecret":"hush-key"}}}}`), "")
	f.Add([]byte(`[{"secret":"hush-document"}]`), "=")
	f.Fuzz(func(t *testing.T, stdin []byte, cniArgs string) {
		args, err := ParseArgs(cniArgs)
		mustBeFaults(t, err)
		c, err := ParseFor(stdin, args)
		d, delErr := ParseForDelete(stdin)
		for _, e := range []error{err, delErr} {
			mustBeFaults(t, e)
			if e != nil {
				mustKeepSecrets(t, e.Error(), stdin)
			}
		}
		if delErr == nil {
			mustStayInDirectory(t, d.Host)
		}
		if err != nil {
			return
		}
		mustKeepSecrets(t, strings.Join(c.Warnings, "\n"), stdin)
		if delErr != nil || d.Name != c.Name || d.IPAM != c.IPAM || d.VPPAPISocket != c.VPPAPISocket || d.SharedDir != c.SharedDir {
			t.Errorf("DEL reads %+v (%v), ADD %+v", d, delErr, c)
		}
		mustBeBounded(t, c)
		again, err := ParseFor(rewrite(t, c), Args{})
		if err != nil {
			t.Fatalf("refused when read again: %v\n%s", err, rewrite(t, c))
		}
		c.Warnings, again.Warnings = nil, nil
		if diff := cmp.Diff(c, again, cmpopts.IgnoreUnexported(NetConf{}), cmpopts.EquateComparable(netip.Prefix{})); diff != "" {
			t.Errorf("not the same when read again:\n%s", diff)
		}
	})
}

// mustBeFaults: an error is a list of faults, each on one line of printable
// characters that begins with the field.
func mustBeFaults(t *testing.T, err error) {
	t.Helper()
	if err == nil {
		return
	}
	var faults Errors
	if !errors.As(err, &faults) || len(faults) == 0 {
		t.Fatalf("no list of faults: %v", err)
	}
	for _, fault := range faults {
		text := fault.Error()
		if fault.Field == "" || fault.Problem == "" || !strings.HasPrefix(text, fault.Field) {
			t.Errorf("names no field, or no problem: %q", text)
		}
		if i := strings.IndexFunc(text, unprintable); i >= 0 {
			t.Errorf("unprintable at byte %d: %q", i, text)
		}
	}
}

func unprintable(r rune) bool { return !unicode.IsPrint(r) && r != '\uFFFD' }

func mustKeepSecrets(t *testing.T, text string, document []byte) {
	t.Helper()
	if told := leak.In(text, document); told != "" {
		t.Errorf("tells the secret %s…: %s", told, text)
	}
}

// mustStayInDirectory: no side's socket is anywhere but in its directory. An
// abstract one of VCL's has none, and only the characters of VPP's notation.
func mustStayInDirectory(t *testing.T, sides ...Side) {
	t.Helper()
	for _, s := range sides {
		name := s.Socket().Name
		if s.Vhost != nil {
			name += s.Vhost.SocketFile
		}
		if s.IfType == IfTypeVCL && s.Socket().Abstract {
			name = strings.ReplaceAll(s.Socket().Name, "/", "_") + "_"
		}
		if strings.ContainsAny(name, "/\x00, \\=") || name == "." || name == ".." || len(name) > 2*maxSocketFile || strings.HasPrefix(name, "configData-") {
			t.Errorf("socketfile %q", name)
		}
	}
}

// hasOneBlock: the one of its kind, and no other.
func hasOneBlock(s Side) bool {
	return (s.Memif != nil) == (s.IfType == IfTypeMemif) && (s.Vhost != nil) == (s.IfType == IfTypeVhostUser) && (s.VCL != nil) == (s.IfType == IfTypeVCL)
}

// mustBeBounded: what VPP gets is within what it can take.
func mustBeBounded(t *testing.T, c *NetConf) {
	t.Helper()
	mustStayInDirectory(t, c.Host, c.Container)
	for _, s := range []Side{c.Host, c.Container} {
		m := memif(s)
		ring := m.RingSize == 0 || m.RingSize >= 8 && m.RingSize <= 16384 && m.RingSize&(m.RingSize-1) == 0
		if !ring || len(m.Secret) > 23 || s.MTU < 0 || s.MTU > 9216 || m.Mode == ModeInjectPunt || s.Engine != EngineVPP || !hasOneBlock(s) {
			t.Errorf("out of bounds: %s", compact(t, s))
		}
		for _, size := range []uint32{vcl(s).RxFifoSize, vcl(s).TxFifoSize} {
			if size != 0 && (size < 4096 || size > 1<<30) {
				t.Errorf("a FIFO of %d bytes", size)
			}
		}
		if s.VCL != nil && (s.NetType != NetTypeInterface || len(s.VCL.Scopes) < 1 || len(s.VCL.Scopes) > 2 || s.VCL.Addresses != nil || s.RxMode != "") {
			t.Errorf("out of bounds: %s", compact(t, s))
		}
		if mode, _ := s.Socket().Permissions(); mode&0o007 != 0 {
			t.Errorf("the world may use the socket: %s", mode)
		}
		if b := s.Bridge; b != nil && (b.Domain() > MaxBridgeDomain || b.VlanID < 0 || b.VlanID > 4094 || strings.ContainsAny(b.Key(), "/\x00") || len(b.Key()) > 68) {
			t.Errorf("bridge %+v", b)
		}
	}
	if c.Host.NetType == NetTypeBridge && c.Host.Bridge.Key() == "" || c.VPPAPISocket[0] != '/' || strings.ContainsAny(c.Name+c.IPAM.Type, "/\x00") {
		t.Errorf("%+v", c)
	}
	if c.Host.VCL != nil && !c.hasAddresses() {
		t.Error("VCL without addresses")
	}
	if c.Host.AntiSpoof && c.Host.NetType != NetTypeInterface || c.Container.AntiSpoof {
		t.Error("sources are checked where nothing is routed")
	}
	if memif(c.Host).Role == RoleSlave && !memif(c.Host).NoZeroCopy {
		t.Error("a slave on the host exports VPP's buffers")
	}
	if _, err := json.Marshal(c.Container.WithoutSecret()); err != nil || c.Container.WithoutSecret().Socket().Secret {
		t.Errorf("without its secret: %v", err)
	}
}
