// Package logging makes the loggers of the programs: to stderr and, where a
// file is named, to that file, never to stdout, which belongs to the CNI
// result. It maps the Intel plugin's level names to slog's.
package logging
