package netconf

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/userspace-cni/userspace-cni/pkg/internal/fields"
)

func memifMode() fields.Rule[string] {
	ru := fields.OneOf(memifModes)
	ru.Note = " (\"ip\" not in a bridge)"
	return ru
}

func powerOfTwo(lowest, highest int64) fields.Rule[int64] {
	return fields.Rule[int64]{
		Allowed: fmt.Sprintf("a power of two from %d to %d, or 0 for the default", lowest, highest),
		OK:      func(v int64) bool { return lowest <= v && v <= highest && v&(v-1) == 0 },
	}
}

// networkName is CNI's alphabet (containernetworking/cni pkg/utils).
func networkName() fields.Rule[string] {
	return fields.Rule[string]{
		Allowed: "letters, digits, '_', '.' and '-', beginning with a letter or digit",
		OK:      fields.IsWord,
	}
}

// secret: VPP's field has 24 bytes, and it zeroes the last one
// (memif_create_v2 in plugins/memif/memif_api.c).
func secret() fields.Rule[string] {
	return fields.Rule[string]{
		Allowed: "a string of at most 23 bytes without NUL",
		OK:      func(v string) bool { return len(v) <= 23 && !strings.ContainsRune(v, 0) },
	}
}

// maxSocketFile leaves 42 of the 106 bytes that VPP takes for a socket's path to
// the directory: in a pod it is commonly /var/lib/cni/usrspcni/, on the host at
// the longest a link below /run/userspace-cni/.
const maxSocketFile = 64

// socketFile is a name that stays in its directory, doesn't overwrite the
// contract file, has only characters that VPP takes in a socket's path
// (_clib_socket_get_string in src/vppinfra/socket.c), and survives the parser of
// app-netutil, which drops spaces and backslashes and lines with a '='.
func socketFile() fields.Rule[string] {
	return fields.Rule[string]{
		Allowed: fmt.Sprintf("a file name of at most %d letters, digits and any of '.', '_', '-'; not '.', not '..', not beginning with configData-", maxSocketFile),
		OK: func(v string) bool {
			return len(v) <= maxSocketFile && v != "." && v != ".." && fields.ConsistsOf(v, "._-") &&
				!strings.HasPrefix(v, "configData-")
		},
	}
}

// maxVCLSocket leaves room for a suffix, and for the path of the pod's network
// namespace, in VPP's notation of an abstract socket.
const maxVCLSocket = 64

// vclSocket is an abstract name or that of a file, by the socket's type.
func vclSocket() fields.Rule[string] {
	return fields.Rule[string]{
		Allowed: fmt.Sprintf("at most %d letters, digits and any of '/', '.', '_', '-', such as \"vpp/session\"; of a file without '/', not beginning with configData-", maxVCLSocket),
		OK:      func(v string) bool { return len(v) <= maxVCLSocket && fields.ConsistsOf(v, "/._-") },
	}
}

// maxAccount is the highest user or group id: the kernel takes the one above
// for "none" (chown(2)).
const maxAccount = 1<<32 - 2

// account is a user or a group.
func account(what string) fields.Rule[string] {
	return fields.Rule[string]{
		Allowed: fmt.Sprintf("a %s's name or number as a string: at most 32 letters, digits, '_', '.' and '-', not beginning with '-'; a number at most %d", what, maxAccount),
		OK: func(v string) bool {
			if fields.IsDigits(v) {
				n, err := strconv.ParseUint(v, 10, 32)
				return err == nil && n <= maxAccount && len(v) <= 32
			}
			return len(v) <= 32 && v[0] != '-' && fields.ConsistsOf(v, "_.-")
		},
	}
}

// socketMode leaves no room for set-user-id bits or access of the world.
func socketMode() fields.Rule[string] {
	return fields.Rule[string]{
		Allowed: "three or four octal digits as a string, such as \"0660\": the first of four and the last are 0 (no access for the world)",
		OK: func(v string) bool {
			four := fourDigits(v)
			return len(four) == 4 && strings.Trim(four, "01234567") == "" && four[0] == '0' && four[3] == '0'
		},
	}
}

// fourDigits spells "660" as "0660".
func fourDigits(v string) string {
	if len(v) == 3 {
		return "0" + v
	}
	return v
}

// macAddress is a unicast EUI-48 in any notation of net.ParseMAC.
func macAddress() fields.Rule[string] {
	return fields.Rule[string]{
		Allowed: "a unicast address of six bytes such as 02:fe:00:00:00:01, not all zero",
		OK: func(v string) bool {
			m, err := net.ParseMAC(v)
			return err == nil && len(m) == 6 && m[0]&1 == 0 && slices.ContainsFunc(m, func(b byte) bool { return b != 0 })
		},
	}
}

// canonicalMAC spells a valid address as aa:bb:cc:dd:ee:ff.
func canonicalMAC(v string) string {
	m, err := net.ParseMAC(v)
	if err != nil {
		return v
	}
	return m.String()
}

// pluginName is what CNI looks up in CNI_PATH.
func pluginName() fields.Rule[string] {
	return fields.Rule[string]{
		Allowed: "the name of an IPAM plugin, without '/'",
		OK:      func(v string) bool { return !strings.ContainsAny(v, "/\x00") && v != "." && v != ".." },
	}
}

// bridgeName is the number of a bridge domain, or a name from which its key can
// be made (see [Bridge.Key]).
func bridgeName() fields.Rule[string] {
	return fields.Rule[string]{
		Allowed: fmt.Sprintf("a number from 1 to %d as a string, or a name of at most 63 letters, digits, '_', '.' and '-', "+
			"not beginning with '.' or '-', not ending in a dot and a number (which vlanId is for)", MaxBridgeDomain),
		OK: func(v string) bool {
			if fields.IsDigits(v) {
				return Bridge{BridgeName: v}.number() != 0
			}
			return len(v) <= 63 && fields.ConsistsOf(v, "_.-") && v[0] != '.' && v[0] != '-' && !endsInNumber(v)
		},
	}
}

func endsInNumber(v string) bool {
	dot := strings.LastIndexByte(v, '.')
	return dot >= 0 && dot+1 < len(v) && fields.IsDigits(v[dot+1:])
}

// vppInterface is a name as VPP lists it; its field for one has 64 bytes
// (interface_name in vnet/interface.api).
func vppInterface() fields.Rule[string] {
	return fields.Printable("the name of an interface of the host's VPP", 63)
}

// orZero is a range beside which 0 has a meaning.
func orZero(meaning string, lowest, highest int64) fields.Rule[int64] {
	ru := fields.Between(lowest, highest, "")
	ru.Allowed = fmt.Sprintf("a number from %d to %d, or 0 for %s", lowest, highest, meaning)
	return ru
}
