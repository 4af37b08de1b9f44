// Command bare makes the endpoint that an ADD makes, by the same messages, with
// govpp's own client: no configuration, record, lock, contract or result. It
// measures what an ADD can't cost less than.
package main
