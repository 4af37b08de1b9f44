package usrspapp

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// writeConfig writes vcl.conf and returns its path. Without one that is asked for,
// it is in a directory that nobody else can write to: the program believes what it
// reads there.
func writeConfig(output, ifName, text string) (string, error) {
	if output != "" {
		path, err := filepath.Abs(output)
		if err != nil {
			return "", err
		}
		return path, replace(path, text)
	}
	name := "vcl-" + ifName + ".conf"
	if !isPlain(ifName) {
		name = fmt.Sprintf("vcl-%x.conf", ifName)
	}
	var failed []error
	for _, place := range []string{os.TempDir(), "/dev/shm"} {
		dir := filepath.Join(place, fmt.Sprintf("usrsp-app-%d", os.Geteuid()))
		path := filepath.Join(dir, name)
		err := ownDir(dir)
		if err == nil {
			err = replace(path, text)
		}
		if err == nil {
			return path, nil
		}
		failed = append(failed, err)
	}
	return "", fmt.Errorf("no place for vcl.conf: choose one by --output: %w", errors.Join(failed...))
}

// replace puts a file in the place of what is there, which readers see whole. A
// symbolic link isn't followed, but replaced.
func replace(path, text string) error {
	file, err := os.CreateTemp(filepath.Dir(path), ".vcl-*.conf")
	if err != nil {
		return err
	}
	_, err = file.WriteString(text)
	if err = errors.Join(err, file.Chmod(0o644), file.Close()); err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		_ = os.Remove(file.Name())
	}
	return err
}
