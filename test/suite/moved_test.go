package suite

import "encoding/json"

// moved is a configuration with this bench's paths in place of a node's.
func moved(b *bench, conf []byte) []byte {
	b.Helper()
	var object map[string]any
	if err := json.Unmarshal(conf, &object); err != nil {
		b.Fatal(err)
	}
	object["vppApiSocket"] = b.host.APISocket
	object["sharedDir"] = b.sharedDir()
	if ipam, ok := object["ipam"].(map[string]any); ok {
		ipam["dataDir"] = b.ipamDir()
	}
	return encode(b.T, object)
}
