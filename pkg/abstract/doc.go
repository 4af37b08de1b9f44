// Package abstract looks at abstract Unix sockets in network namespaces. It makes
// none that stays.
package abstract
