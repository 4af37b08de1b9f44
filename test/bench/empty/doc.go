// Command empty does nothing: it measures what starting a Go program costs.
package main
