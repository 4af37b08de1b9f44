// Package buildinfo tells which release a program is of.
package buildinfo
