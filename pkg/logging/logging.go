package logging

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"
)

// levels maps the names that a configuration may use to slog's levels.
var levels = map[string]slog.Level{
	"panic":   slog.LevelError,
	"error":   slog.LevelError,
	"warning": slog.LevelWarn,
	"info":    slog.LevelInfo,
	"debug":   slog.LevelDebug,
	"verbose": slog.LevelDebug,
}

// New returns a logger of the named level (empty: info) that writes to stderr
// and appends to the file at path (empty: none). A file that can't be opened is
// reported on stderr and otherwise done without: no pod fails for its log. One
// that can't be written any more doesn't keep stderr from getting the line. The
// returned function closes the file.
func New(stderr io.Writer, path, level string) (*slog.Logger, func()) {
	options := &slog.HandlerOptions{Level: levels[level]}
	file, err := open(path)
	if err != nil {
		log := slog.New(slog.NewTextHandler(stderr, options))
		log.Warn("can't write to the log file", "logFile", path, "err", err)
		return log, func() {}
	}
	if file == nil {
		return slog.New(slog.NewTextHandler(stderr, options)), func() {}
	}
	both := slog.NewMultiHandler(slog.NewTextHandler(stderr, options), slog.NewTextHandler(file, options))
	return slog.New(both), func() { file.Close() }
}

func open(path string) (*os.File, error) {
	if path == "" {
		return nil, nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("log file: %w", err)
	}
	// A FIFO would make the call wait for its reader, /dev/stdout is the result's.
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE|syscall.O_NONBLOCK, 0o640)
	if err != nil {
		return nil, err
	}
	if info, err := file.Stat(); err != nil || !info.Mode().IsRegular() {
		file.Close()
		return nil, errors.Join(errors.New("not a regular file"), err)
	}
	return file, nil
}

// IsLevel tells whether there is a level of that name.
func IsLevel(name string) bool {
	_, ok := levels[name]
	return ok
}
