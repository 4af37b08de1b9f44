package images

import (
	"encoding/json"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const top = "../.."

// copied is one COPY of a Dockerfile.
type copied struct {
	from    string // a stage; empty: the build's context
	sources []string
	to      string
}

// stage is what begins with a FROM.
type stage struct {
	base       string
	name       string
	copies     []copied
	labels     string
	entrypoint []string
}

// stages reads a Dockerfile as far as the tests want to know.
func stages(t *testing.T, file string) (all []stage) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(strings.ReplaceAll(string(data), "\\\n", " ")) {
		words := strings.Fields(line)
		if len(words) == 0 || strings.HasPrefix(words[0], "#") {
			continue
		}
		if words[0] == "FROM" {
			all = append(all, newStage(words[1:]))
			continue
		}
		if len(all) == 0 {
			continue
		}
		last := &all[len(all)-1]
		switch words[0] {
		case "COPY":
			last.copies = append(last.copies, newCopied(words[1:]))
		case "LABEL":
			last.labels += line
		case "ENTRYPOINT":
			if err := json.Unmarshal([]byte(strings.TrimPrefix(line, "ENTRYPOINT")), &last.entrypoint); err != nil {
				t.Fatalf("%s: %s: %v", file, line, err)
			}
		}
	}
	return all
}

func newStage(words []string) (s stage) {
	words = slices.DeleteFunc(words, func(word string) bool { return strings.HasPrefix(word, "--") })
	s.base = words[0]
	if len(words) == 3 {
		s.name = words[2]
	}
	return s
}

func newCopied(words []string) (c copied) {
	for len(words) > 0 && strings.HasPrefix(words[0], "--") {
		if from, is := strings.CutPrefix(words[0], "--from="); is {
			c.from = from
		}
		words = words[1:]
	}
	c.sources, c.to = words[:len(words)-1], words[len(words)-1]
	return c
}

// dockerfiles are by the folder of the image.
func dockerfiles(t *testing.T) map[string][]stage {
	t.Helper()
	found, err := filepath.Glob(top + "/docker/*/Dockerfile")
	if err != nil || len(found) == 0 {
		t.Fatalf("no Dockerfiles: %v", err)
	}
	all := map[string][]stage{}
	for _, file := range found {
		all[filepath.Base(filepath.Dir(file))] = stages(t, file)
	}
	return all
}

// programs is where a Dockerfile has what make build makes.
const programs = "${BIN}/${TARGETPLATFORM}/"

// isThere tells whether the build's context has what is copied: a program that is
// built from cmd, or a file of docker.
func isThere(source string) bool {
	if program, is := strings.CutPrefix(source, programs); is {
		_, err := os.Stat(path.Join(top, "cmd", program, "main.go"))
		return err == nil
	}
	_, err := os.Stat(path.Join(top, source))
	return err == nil && strings.HasPrefix(source, "docker/") // see .dockerignore
}

func TestWhatIsCopiedIsThere(t *testing.T) {
	for image, stages := range dockerfiles(t) {
		var names []string
		for _, stage := range stages {
			for _, c := range stage.copies {
				if c.from != "" && !slices.Contains(names, c.from) {
					t.Errorf("%s: COPY --from=%s: there is no such stage", image, c.from)
				}
				for _, source := range c.sources {
					if c.from == "" && !isThere(source) {
						t.Errorf("%s: COPY %s: make build makes no such program, and there is no such file in docker", image, source)
					}
				}
			}
			names = append(names, stage.name)
		}
	}
}

// TestEntrypointIsInTheImage wants it among what is copied, and executable.
func TestEntrypointIsInTheImage(t *testing.T) {
	for image, stages := range dockerfiles(t) {
		last := stages[len(stages)-1]
		if len(last.entrypoint) != 1 {
			t.Errorf("%s: ENTRYPOINT %q, want one program, to which arguments can be given", image, last.entrypoint)
			continue
		}
		want := last.entrypoint[0]
		if !strings.Contains(want, "/") {
			want = "/usr/local/bin/" + want
		}
		source := ""
		for _, c := range last.copies {
			for _, s := range c.sources {
				if strings.HasSuffix(c.to, "/") && c.to+path.Base(s) == want {
					source = s
				}
			}
		}
		if source == "" {
			t.Errorf("%s: ENTRYPOINT %s is not copied into the image", image, want)
		} else if !strings.HasPrefix(source, programs) && !isExecutable(path.Join(top, source)) {
			t.Errorf("%s: ENTRYPOINT %s is not executable", image, source)
		}
	}
}

func isExecutable(file string) bool {
	info, err := os.Stat(file)
	return err == nil && info.Mode().Perm()&0o111 == 0o111
}

func TestLabels(t *testing.T) {
	for image, stages := range dockerfiles(t) {
		labels := stages[len(stages)-1].labels
		for _, want := range []string{
			`title="` + image + `"`,
			`description="`,
			`source="https://github.com/userspace-cni/userspace-cni"`,
			`licenses="Apache-2.0"`,
			`version="${VERSION}"`,
		} {
			if !strings.Contains(labels, "org.opencontainers.image."+want) {
				t.Errorf("%s has no label org.opencontainers.image.%s", image, want)
			}
		}
	}
}

// TestEachIsToldOf wants each image in make images, with a README, and in docker's.
func TestEachIsToldOf(t *testing.T) {
	build, readme := read(t, "docker/build"), read(t, "docker/README.md")
	for image := range dockerfiles(t) {
		first, _, _ := strings.Cut(strings.TrimPrefix(read(t, "docker/"+image+"/README.md"), "# "), "\n")
		if first == "" {
			t.Errorf("docker/%s/README.md has no title", image)
		}
		if !strings.Contains(readme, "]("+image+"/)") {
			t.Errorf("docker/README.md doesn't tell of %s", image)
		}
		_, images, _ := strings.Cut(build, "IMAGES:=")
		images, _, _ = strings.Cut(images, "}")
		if !slices.Contains(strings.Fields(images), image) {
			t.Errorf("docker/build makes %q, without %s", images, image)
		}
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(path.Join(top, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
