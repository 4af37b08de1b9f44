// Package access tells whether files could be made in a place, without making
// any.
package access
