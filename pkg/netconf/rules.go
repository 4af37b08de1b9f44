package netconf

import (
	"fmt"
	"net"
	"slices"
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

func groupName() fields.Rule[string] {
	return fields.Rule[string]{
		Allowed: "a group's name or number of at most 32 letters, digits, '_', '.' and '-'",
		OK:      func(v string) bool { return len(v) <= 32 && v[0] != '-' && fields.ConsistsOf(v, "_.-") },
	}
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

// bridgeName is the number of a bridge domain, or a name that fits into its tag.
func bridgeName() fields.Rule[string] {
	return fields.Rule[string]{
		Allowed: fmt.Sprintf("a number from 1 to %d as a string, or a name of at most 63 letters, digits, '_', '.' and '-'", MaxBridgeDomain),
		OK: func(v string) bool {
			if strings.Trim(v, "0123456789") == "" {
				return Bridge{BridgeName: v}.Domain() != 0
			}
			return len(v) <= 63 && fields.IsWord(v)
		},
	}
}
