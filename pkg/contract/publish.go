package contract

import (
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"

	"github.com/userspace-cni/userspace-cni/pkg/state"
)

// MappedDir is the value of the annotation userspace/mapped-dir for a volume
// that the pod mounts at a path. It ends in a slash: readers append the socket's
// name as it stands. Characters that app-netutil would lose are refused, since
// an annotation has no other way to write them.
func MappedDir(mountPath string) (string, error) {
	if !path.IsAbs(mountPath) {
		return "", fmt.Errorf("mountPath of the shared directory is %q; allowed: an absolute path", mountPath)
	}
	if strings.ContainsAny(mountPath, "= ") || strconv.Quote(mountPath) != `"`+mountPath+`"` {
		return "", fmt.Errorf("mountPath of the shared directory is %q; allowed: printable characters but '=', ' ', '\"' and '\\', because readers of the annotation %s can't parse others",
			mountPath, AnnotationMappedDir)
	}
	return strings.TrimSuffix(path.Clean(mountPath), "/") + "/", nil
}

// Announce returns the annotations to set for a pod to see the entry, given
// those that it has. Where the pod doesn't mount the directory that it shares
// with us (an abstract socket needs none), mountPath is empty. A list that
// nobody can read is replaced, and handed to warn.
func Announce(current map[string]string, e Entry, mountPath string, warn func(error)) (map[string]string, error) {
	list, err := Upsert([]byte(current[AnnotationData]), e)
	if errors.Is(err, ErrUnreadable) {
		warn(fmt.Errorf("annotation %s is replaced: it %w", AnnotationData, err))
		list, err = Upsert(nil, e)
	}
	if err != nil {
		return nil, fmt.Errorf("annotation %s: %w", AnnotationData, err)
	}
	set := map[string]string{AnnotationData: string(list)}
	if mountPath == "" {
		return set, nil
	}
	set[AnnotationMappedDir], err = MappedDir(mountPath)
	return set, err
}

// Withdraw returns the annotations to set and those to remove, so that the pod
// no longer sees the attachment. With the last entry goes userspace/mapped-dir,
// if it is the one that Announce had set. A list that nobody can read is not
// ours, and stays.
func Withdraw(current map[string]string, a state.Attachment, mountPath string) (set map[string]string, remove []string) {
	list, found, err := Remove([]byte(current[AnnotationData]), a)
	switch {
	case err != nil || !found:
		return nil, nil
	case list != nil:
		return map[string]string{AnnotationData: string(list)}, nil
	}
	remove = []string{AnnotationData}
	mapped, ok := current[AnnotationMappedDir]
	if ours, err := MappedDir(mountPath); ok && err == nil && mapped == ours {
		remove = append(remove, AnnotationMappedDir)
	}
	return nil, remove
}
