package nodeconf

import (
	"cmp"
	"fmt"

	"github.com/userspace-cni/userspace-cni/pkg/internal/fields"
)

// document is what messages call the file.
const document = "node settings"

// Error is one fault of the settings.
type Error = fields.Error

// Errors holds every fault of the settings, in the order in which they were
// read.
type Errors = fields.Errors

// Parse reads settings and fills in the defaults. Its error is an [Errors] with
// every fault in it.
func Parse(data []byte) (Settings, error) {
	r, s := fields.NewReader(document), Settings{}
	settingsFields.Document(r, data, &s)
	if r.Given["grants"] != nil && s.Grants == nil {
		s.Grants = []Grant{}
	}
	for i, g := range s.Grants {
		if path := fmt.Sprintf("grants[%d]", i); len(g.Namespaces) == 0 && !r.Faulty(path) {
			needNamespaces(r, path+".namespaces")
		}
	}
	if err := r.Err(); err != nil {
		return Settings{}, err
	}
	return s.complete(), nil
}

func needNamespaces(r *fields.Reader, path string) {
	fields.Need(r, path, "", "missing", fields.Rule[string]{Allowed: namespaces})
}

func (s Settings) complete() Settings {
	d := Default()
	s.VPPAPISocket = cmp.Or(s.VPPAPISocket, d.VPPAPISocket)
	s.AddTimeout = cmp.Or(s.AddTimeout, d.AddTimeout)
	s.DelTimeout = cmp.Or(s.DelTimeout, d.DelTimeout)
	s.StatusTimeout = cmp.Or(s.StatusTimeout, d.StatusTimeout)
	s.RecordsDir = cmp.Or(s.RecordsDir, d.RecordsDir)
	return s
}
