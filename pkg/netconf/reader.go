package netconf

import "github.com/userspace-cni/userspace-cni/pkg/internal/fields"

// document is what messages call a network configuration.
const document = "network configuration"

// reader reads one network configuration.
type reader struct{ *fields.Reader }

func newReader() *reader {
	r := fields.NewReader(document)
	r.Limits = limits
	return &reader{r}
}
