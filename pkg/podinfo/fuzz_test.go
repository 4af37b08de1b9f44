package podinfo

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"github.com/userspace-cni/userspace-cni/pkg/contract"
	"github.com/userspace-cni/userspace-cni/pkg/internal/leak"
)

// FuzzRead: whatever stands in the downward API's file, an error rules no
// terminal and tells no secret; and an annotation that the kubelet writes is
// read as it was, whatever the lines of others are.
func FuzzRead(f *testing.F) {
	for _, seed := range []string{
		"", "=", "a=\"b\"\nuserspace/mapped-dir=\"/x\"", `userspace/mappedDir="/old"`, "userspace/\x1b[2J=\"",
		annotations("blue"), annotations("blue") + annotations("red"), "userspace/configuration-data=[]",
		"userspace/configuration-data=\"[", "userspace/configuration-data=`[{\"name\":\"n\",\"config\":{\"memif\":{\"secret\":\"hush-hush\"}}}]`",
		fmt.Sprintf("userspace/configuration-data=%q", `[{"name":"n","ifName":"i","config":{"memif":[{"secret":"hush-hush"}]}}]`),
	} {
		f.Add([]byte(seed), `[{"name":"n"}]`, "/d")
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, file []byte, list, mapped string) {
		must(t, os.WriteFile(filepath.Join(dir, fileName), file, 0o600))
		a, err := Read(dir)
		if err != nil {
			for line := range strings.Lines(err.Error()) {
				if strings.ContainsFunc(strings.TrimSuffix(line, "\n"), func(r rune) bool { return !unicode.IsPrint(r) && r != unicode.ReplacementChar }) {
					t.Errorf("unprintable: %q", err)
				}
			}
			if strings.Contains(err.Error(), leak.Mark) {
				t.Errorf("tells a secret: %v", err)
			}
		}
		for _, e := range a.Entries {
			if name := contract.FileName(e.Attachment()) + e.Config.Socket().Name; strings.ContainsAny(name, "/\x00\n") {
				t.Errorf("names lead elsewhere: %+v", e)
			}
		}
		// The last of equal keys counts.
		whole := fmt.Sprintf("%s\n%s=%q\n%s=%q\n", file, contract.AnnotationData, list, contract.AnnotationMappedDir, mapped)
		must(t, os.WriteFile(filepath.Join(dir, fileName), []byte(whole), 0o600))
		want, wantErr := fromValues(map[string]string{contract.AnnotationData: list, contract.AnnotationMappedDir: mapped})
		got, err := Read(dir)
		if err != nil && a.Entries == nil && a.MappedDir == "" {
			return // what comes before can't be read
		}
		if len(got.Entries) != len(want.Entries) || (err == nil) != (wantErr == nil) || mapped != "" && got.MappedDir != mapped {
			t.Errorf("read %+v (%v), want %+v (%v)", got, err, want, wantErr)
		}
	})
}
