package state

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Call is what the plugin notes of a call that has ended.
type Call struct {
	Verb string `json:"verb"` // ADD, DEL, CHECK
	Kind string `json:"kind,omitempty"`
	// Code is that of the CNI error; 0: there was none.
	Code uint          `json:"code"`
	Took time.Duration `json:"took"` // in nanoseconds
}

// Journal is a file with a line for each call, the newest at its end. Calls only
// append to it, so none waits for another. It is for figures alone: a line may be
// lost.
type Journal struct{ Dir string }

// maxJournal is how large the file becomes, in bytes, before it is put aside:
// some ten thousand calls that nobody has read.
const maxJournal = 1 << 20

func (j Journal) path() string { return filepath.Join(j.Dir, "calls") }

// aside is where the last full file is.
func (j Journal) aside() string { return j.path() + ".old" }

// Note appends a call. There need not be a directory yet.
func (j Journal) Note(c Call) error {
	line, err := json.Marshal(c)
	if err != nil {
		return err
	}
	file, err := os.OpenFile(j.path(), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer file.Close()
	if info, err := file.Stat(); err == nil && info.Size() > maxJournal {
		if err := os.Rename(j.path(), j.aside()); err != nil {
			return err
		}
	}
	_, err = file.Write(append(line, '\n'))
	return err
}

// JournalReader reads a journal as it grows.
type JournalReader struct {
	Journal
	// file is the one that was read last, and offset how far.
	file   fs.FileInfo
	offset int64
}

// Tail is a reader of what is noted from now on.
func (j Journal) Tail() *JournalReader {
	r := &JournalReader{Journal: j}
	if info, err := os.Stat(j.path()); err == nil {
		r.file, r.offset = info, info.Size()
	}
	return r
}

// Next returns the calls that were noted since the last time. Lines that make no
// sense are left out.
func (r *JournalReader) Next() ([]Call, error) {
	var all []Call
	if old, err := os.Stat(r.aside()); err == nil && r.file != nil && os.SameFile(old, r.file) {
		rest, _, err := readCalls(r.aside(), r.offset)
		if err != nil {
			return nil, err
		}
		all, r.file, r.offset = rest, nil, 0
	}
	info, err := os.Stat(r.path())
	if errors.Is(err, fs.ErrNotExist) {
		return all, nil
	}
	if err != nil {
		return all, err
	}
	if r.file == nil || !os.SameFile(info, r.file) || info.Size() < r.offset {
		r.offset = 0
	}
	calls, read, err := readCalls(r.path(), r.offset)
	r.file, r.offset = info, r.offset+read
	return append(all, calls...), err
}

// readCalls reads the whole lines of a file from an offset on, and says how many
// bytes they are.
func readCalls(path string, offset int64) (calls []Call, read int64, err error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	defer file.Close()
	if _, err := file.Seek(offset, io.SeekStart); err != nil {
		return nil, 0, err
	}
	for lines := bufio.NewReader(file); ; {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) { // the rest is being written
			return calls, read, nil
		}
		if err != nil {
			return calls, read, err
		}
		read += int64(len(line))
		var c Call
		if json.Unmarshal(bytes.TrimSpace(line), &c) == nil && c.Verb != "" {
			calls = append(calls, c)
		}
	}
}
