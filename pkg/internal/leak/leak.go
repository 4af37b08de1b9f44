package leak

import (
	"encoding/json"
	"strings"
)

// Mark begins the secrets that are looked for: a fuzzer may make one of
// anything, and a word like "allowed" is in every message.
const Mark = "hush-"

// shown is how much of a secret is looked for: messages cut long values.
const shown = len(Mark) + 3

// In returns the first secret of the document that the text tells, as far as it
// tells it; empty: none. One that stands elsewhere in the document too is none.
func In(text string, document []byte) string {
	var v any
	if json.NewDecoder(strings.NewReader(string(document))).Decode(&v) != nil {
		return ""
	}
	for _, secret := range secrets(v) {
		if secret = secret[:min(len(secret), shown)]; strings.Count(string(document), secret) < 2 && strings.Contains(text, secret) {
			return secret
		}
	}
	return ""
}

func secrets(v any) (all []string) {
	switch v := v.(type) {
	case []any:
		for _, element := range v {
			all = append(all, secrets(element)...)
		}
	case map[string]any:
		for key, member := range v {
			if text, ok := member.(string); ok && strings.EqualFold(key, "secret") && strings.HasPrefix(text, Mark) {
				all = append(all, text)
			}
			all = append(all, secrets(member)...)
		}
	}
	return all
}
