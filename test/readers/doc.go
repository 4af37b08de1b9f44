// Package readers lets programs that were written for the Intel plugin read the
// annotations that we write: pkg/contract's tests write the file, and those here
// read it by the programs' own code. It is a module of its own, so that their
// dependencies don't become the project's.
package readers
