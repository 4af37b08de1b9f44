package images

import (
	"path"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// released is what .goreleaser.yaml says of an image.
type released struct {
	IDs        []string
	Dockerfile string
	Images     []string
	ExtraFiles []string          `json:"extra_files"`
	BuildArgs  map[string]string `json:"build_args"`
}

// TestEachIsReleased wants each image in a release, by its name, with the programs
// and files that it copies.
func TestEachIsReleased(t *testing.T) {
	var release struct {
		Images []released `json:"dockers_v2"`
	}
	must(t, yaml.Unmarshal([]byte(read(t, ".goreleaser.yaml")), &release))
	for image, stages := range dockerfiles(t) {
		is := func(r released) bool { return r.Dockerfile == "docker/"+image+"/Dockerfile" }
		i := slices.IndexFunc(release.Images, is)
		if i < 0 {
			t.Errorf("no release has %s", image)
			continue
		}
		r := release.Images[i]
		if want := "ghcr.io/userspace-cni/" + image; !slices.Equal(r.Images, []string{want}) {
			t.Errorf("%s is released as %v, want %s", image, r.Images, want)
		}
		if r.BuildArgs["BIN"] != "." {
			t.Errorf("%s: BIN is %q, want .: goreleaser has programs in PLATFORM/", image, r.BuildArgs["BIN"])
		}
		checkContext(t, image, r, stages)
	}
}

// checkContext wants everything that is copied in the context of the build.
func checkContext(t *testing.T, image string, r released, stages []stage) {
	t.Helper()
	for _, stage := range stages {
		for _, c := range stage.copies {
			for _, source := range c.sources {
				program, isProgram := strings.CutPrefix(source, programs)
				has := slices.Contains(r.IDs, program) || !isProgram && slices.Contains(r.ExtraFiles, path.Dir(source))
				if c.from == "" && !has {
					t.Errorf("%s: a release has no %s", image, source)
				}
			}
		}
	}
}
