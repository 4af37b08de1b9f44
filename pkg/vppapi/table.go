package vppapi

import (
	"bytes"
	"encoding/binary"
	"errors"
	"reflect"

	"go.fd.io/govpp/api"
)

// table maps a message's "name_crc" to the id that this VPP gave it.
type table map[string]uint16

// Layout of sockclnt_create_reply (src/vlibmemory/memclnt.api), which has a
// client index before its context, as requests have: response i32, index u32,
// count u16, then count entries of an id and a name.
const (
	responseOffset = requestContextOffset + 4
	indexOffset    = responseOffset + 4
	countOffset    = indexOffset + 4
	entriesOffset  = countOffset + 2
	entrySize      = 2 + 64
)

// parseTable reads the message table straight from the reply's bytes: with its
// 3,000 entries, decoding it by reflection would be the largest part of
// connecting.
func parseTable(data []byte) (client uint32, messages table, err error) {
	if len(data) < entriesOffset {
		return 0, nil, errors.New("sockclnt_create_reply is too short")
	}
	if response := int32(binary.BigEndian.Uint32(data[responseOffset:])); response != 0 {
		return 0, nil, api.VPPApiError(response)
	}
	client = binary.BigEndian.Uint32(data[indexOffset:])
	count := int(binary.BigEndian.Uint16(data[countOffset:]))
	if len(data) < entriesOffset+count*entrySize {
		return 0, nil, errors.New("sockclnt_create_reply is cut short")
	}
	messages = make(table, count)
	names := string(data) // one allocation for all names
	for i := range count {
		start := entriesOffset + i*entrySize
		end := start + 2 + nameLength(data[start+2:start+entrySize])
		messages[names[start+2:end]] = binary.BigEndian.Uint16(data[start:])
	}
	return client, messages, nil
}

// nameLength is the length of a table entry's name: VPP ends it with NUL, and
// leaves a 0x13 before that where the name itself came from a vector.
func nameLength(field []byte) int {
	if end := bytes.IndexByte(field, 0); end >= 0 {
		field = field[:end]
	}
	return len(bytes.TrimSuffix(field, []byte{0x13}))
}

func (t table) id(msg api.Message) (uint16, error) {
	id, ok := t[msg.GetMessageName()+"_"+msg.GetCrcString()]
	if !ok {
		return 0, &UnknownMessageError{Message: msg.GetMessageName(), CRC: msg.GetCrcString()}
	}
	return id, nil
}

// typesByID maps the ids of this VPP to the registered Go types.
func (t table) typesByID() map[uint16]reflect.Type {
	types := make(map[uint16]reflect.Type)
	for _, registered := range api.GetRegisteredMessages() {
		for name, msg := range registered {
			if id, ok := t[name]; ok {
				types[id] = reflect.TypeOf(msg).Elem()
			}
		}
	}
	return types
}
