// Package fields reads the JSON objects that people write, by tables: a table
// is an [Object], a list of fields with the rule for each. It reports every
// fault at once, with the field, its value and what is allowed, and takes what
// deserves a line in a log down as warnings. The network configuration and the
// node settings are read by it, so that both speak with one voice.
//
// It never does I/O, and it knows no field of anybody.
package fields
