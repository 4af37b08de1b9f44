package netconf

import (
	"encoding/json"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
)

// rule says which values a field takes, to the program and to people.
type rule[V any] struct {
	allowed string   // for people, where values is empty
	values  []string // the whole vocabulary of a field that has one
	note    string   // added to the vocabulary
	ok      func(V) bool
}

// judge tells whether v may stand at path, and records why where it may not.
// word is v as the table of what isn't supported yet spells it.
func judge[V any](r *reader, path string, raw json.RawMessage, v V, word string, ru rule[V]) bool {
	if !ru.ok(v) {
		r.refuse(path, raw, ru.text(path))
		return false
	}
	l := limitOn(path, word)
	if l == nil {
		return true
	}
	now, _ := ru.split(path)
	r.fault(&Error{Field: path, Value: shown(path, raw), Problem: l.problem(), Allowed: now, Err: l.err()})
	return false
}

// text says what is allowed at path, and what will be.
func (ru rule[V]) text(path string) string {
	now, later := ru.split(path)
	if later == "" {
		return now
	}
	return fmt.Sprintf("%s (not supported yet: %s)", now, later)
}

// split says what is allowed at path as things stand, and what isn't supported
// yet.
func (ru rule[V]) split(path string) (now, later string) {
	if ru.values == nil {
		return narrowed(path, ru.allowed), ""
	}
	var nows, laters []string
	for _, v := range ru.values {
		switch l := limitOn(path, v); {
		case l == nil:
			nows = append(nows, strconv.Quote(v))
		case !l.forever:
			laters = append(laters, strconv.Quote(v))
		}
	}
	return strings.Join(nows, ", ") + ru.note, strings.Join(laters, ", ")
}

func anyText() rule[string] {
	return rule[string]{allowed: "a string", ok: func(string) bool { return true }}
}

func memifMode() rule[string] {
	ru := oneOf(memifModes)
	ru.note = " (\"ip\" not in a bridge)"
	return ru
}

func oneOf(values []string) rule[string] {
	return rule[string]{values: values, ok: func(v string) bool { return slices.Contains(values, v) }}
}

// oneOfAnyCase is oneOf for a vocabulary in lower case.
func oneOfAnyCase(values []string) rule[string] {
	return rule[string]{values: values, ok: func(v string) bool { return slices.Contains(values, lower(v)) }}
}

func between(lowest, highest int64, unit string) rule[int64] {
	return rule[int64]{
		allowed: fmt.Sprintf("a number from %d to %d%s, or 0 for the default", lowest, highest, unit),
		ok:      func(v int64) bool { return lowest <= v && v <= highest },
	}
}

func powerOfTwo(lowest, highest int64) rule[int64] {
	return rule[int64]{
		allowed: fmt.Sprintf("a power of two from %d to %d, or 0 for the default", lowest, highest),
		ok:      func(v int64) bool { return lowest <= v && v <= highest && v&(v-1) == 0 },
	}
}

// networkName is CNI's alphabet (containernetworking/cni pkg/utils).
func networkName() rule[string] {
	return rule[string]{
		allowed: "letters, digits, '_', '.' and '-', beginning with a letter or digit",
		ok:      isWord,
	}
}

// absolutePath is a path that doesn't depend on who calls the plugin.
func absolutePath(most int) rule[string] {
	return rule[string]{
		allowed: fmt.Sprintf("an absolute path of at most %d bytes", most),
		ok: func(v string) bool {
			return v[0] == '/' && len(v) <= most && !strings.ContainsRune(v, 0)
		},
	}
}

func noNUL() rule[string] {
	return rule[string]{
		allowed: "a string without NUL",
		ok:      func(v string) bool { return !strings.ContainsRune(v, 0) },
	}
}

// secret: VPP's field has 24 bytes, and it zeroes the last one
// (memif_create_v2 in plugins/memif/memif_api.c).
func secret() rule[string] {
	return rule[string]{
		allowed: "a string of at most 23 bytes without NUL",
		ok:      func(v string) bool { return len(v) <= 23 && !strings.ContainsRune(v, 0) },
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
func socketFile() rule[string] {
	return rule[string]{
		allowed: fmt.Sprintf("a file name of at most %d letters, digits and any of '.', '_', '-'; not '.', not '..', not beginning with configData-", maxSocketFile),
		ok: func(v string) bool {
			return len(v) <= maxSocketFile && v != "." && v != ".." && consistsOf(v, "._-") &&
				!strings.HasPrefix(v, "configData-")
		},
	}
}

func groupName() rule[string] {
	return rule[string]{
		allowed: "a group's name or number of at most 32 letters, digits, '_', '.' and '-'",
		ok:      func(v string) bool { return len(v) <= 32 && v[0] != '-' && consistsOf(v, "_.-") },
	}
}

// macAddress is a unicast EUI-48 in any notation of net.ParseMAC.
func macAddress() rule[string] {
	return rule[string]{
		allowed: "a unicast address of six bytes such as 02:fe:00:00:00:01, not all zero",
		ok: func(v string) bool {
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
func pluginName() rule[string] {
	return rule[string]{
		allowed: "the name of an IPAM plugin, without '/'",
		ok:      func(v string) bool { return !strings.ContainsAny(v, "/\x00") && v != "." && v != ".." },
	}
}

// bridgeName is the number of a bridge domain, or a name that fits into its tag.
func bridgeName() rule[string] {
	return rule[string]{
		allowed: fmt.Sprintf("a number from 1 to %d as a string, or a name of at most 63 letters, digits, '_', '.' and '-'", MaxBridgeDomain),
		ok: func(v string) bool {
			if strings.Trim(v, "0123456789") == "" {
				return Bridge{BridgeName: v}.Domain() != 0
			}
			return len(v) <= 63 && isWord(v)
		},
	}
}

func isWord(v string) bool {
	return v != "" && isAlphanumeric(rune(v[0])) && consistsOf(v, "_.-")
}

func consistsOf(v, more string) bool {
	return !strings.ContainsFunc(v, func(c rune) bool { return !isAlphanumeric(c) && !strings.ContainsRune(more, c) })
}

func isAlphanumeric(c rune) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}
