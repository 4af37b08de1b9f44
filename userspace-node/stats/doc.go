// Package stats reads what VPP counts of its interfaces from its stats segment,
// the memory that VPP shares with whoever can connect to its stats socket. That
// costs VPP a file descriptor to hand out, and none of its API. It only reads:
// it knows no attachments, keeps nothing between two calls, and writes to no
// output.
package stats
