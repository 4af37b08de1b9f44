package podinfo

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/userspace-cni/userspace-cni/pkg/contract"
)

// dirs are where downward-API volumes are usually mounted.
var dirs = []string{"/etc/podinfo", "/etc/podnetinfo"}

// fileName is the annotations' file in the volume.
const fileName = "annotations"

// maxFile bounds what is read: Kubernetes allows 256 KiB of annotations.
const maxFile = 1 << 20

// Annotations are the pod's, as far as they are ours.
type Annotations struct {
	// Entries are those of userspace/configuration-data.
	Entries []contract.Entry
	// MappedDir is where the pod mounts the shared directory; may be empty.
	MappedDir string
}

// Read reads the annotations' file in a directory; empty: in the first of the
// usual ones that has it. Where there is none, the error is fs.ErrNotExist.
// Entries that can't be read are an error beside those that can.
func Read(dir string) (Annotations, error) {
	candidates := dirs
	if dir != "" {
		candidates = []string{dir}
	}
	for _, candidate := range candidates {
		data, err := readFile(candidate)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return Annotations{}, fmt.Errorf("%s: %w", filepath.Join(candidate, fileName), err)
		}
		return parse(data)
	}
	return Annotations{}, fs.ErrNotExist
}

// Fingerprint is another text whenever what Read would return may have changed.
// It opens no file.
func Fingerprint(dir string) string {
	candidates := dirs
	if dir != "" {
		candidates = []string{dir}
	}
	for _, candidate := range candidates {
		info, err := os.Stat(filepath.Join(candidate, fileName))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err.Error()
		}
		return contract.Stamp(info)
	}
	return ""
}

// readFile follows the links that the kubelet makes inside the volume
// (annotations, ..data), and none that leads out of it. The file is opened
// without waiting for the other end of a FIFO.
func readFile(dir string) ([]byte, error) {
	root, err := os.OpenRoot(dir + "/.")
	if err != nil {
		return nil, err
	}
	defer root.Close()
	file, err := root.OpenFile(fileName, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if info, err := file.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, errors.Join(errors.New("is not a regular file"), err)
	}
	data, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if len(data) > maxFile {
		return nil, fmt.Errorf("is larger than %d bytes", maxFile)
	}
	return data, err
}

// keys are the annotations that are read.
var keys = []string{contract.AnnotationData, contract.AnnotationMappedDir, contract.AnnotationMappedDirOld}

// parse reads lines of key="value", quoted as Go does (the kubelet's %q).
func parse(data []byte) (Annotations, error) {
	values := map[string]string{}
	for line := range strings.Lines(string(data)) {
		key, quoted, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		if !ok || !slices.Contains(keys, key) {
			continue
		}
		value, err := strconv.Unquote(quoted)
		if err != nil {
			return Annotations{}, fmt.Errorf("annotation %s: %w", key, err)
		}
		values[key] = value
	}
	return fromValues(values)
}

func fromValues(values map[string]string) (Annotations, error) {
	a := Annotations{MappedDir: values[contract.AnnotationMappedDir]}
	if a.MappedDir == "" {
		a.MappedDir = values[contract.AnnotationMappedDirOld]
	}
	list := values[contract.AnnotationData]
	if list == "" {
		return a, nil
	}
	var err error
	if a.Entries, err = contract.ParseList([]byte(list)); err != nil {
		return a, fmt.Errorf("annotation %s: %w", contract.AnnotationData, err)
	}
	return a, nil
}
