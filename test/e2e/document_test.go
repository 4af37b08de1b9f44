package e2e

import (
	"context"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// step is a command of a document and what it says that the command prints.
type step struct {
	command, output string
	line            int
}

// consoleSteps are the commands in a document's blocks that are marked console:
// each begins with "$ " and may go on after a backslash.
func consoleSteps(document string) (steps []step) {
	inside, unfinished := false, false
	for i, line := range strings.Split(document, "\n") {
		command, starts := strings.CutPrefix(line, "$ ")
		last := len(steps) - 1
		switch {
		case strings.HasPrefix(line, "```"):
			inside = line == "```console"
		case !inside:
		case starts:
			steps = append(steps, step{command: command, line: i + 1})
			unfinished = strings.HasSuffix(line, `\`)
		case unfinished:
			steps[last].command += "\n" + line
			unfinished = strings.HasSuffix(line, `\`)
		default:
			steps[last].output += line + "\n"
		}
	}
	return steps
}

// run runs it in the top directory.
func (s step) run(ctx context.Context) (string, error) {
	cmd := exec.CommandContext(ctx, "sh", "-c", s.command)
	cmd.Dir = "../.."
	out, err := cmd.CombinedOutput()
	return string(out), err
}

var spaces = regexp.MustCompile(`[ \t]+`)

// matches compares what was printed with the document, in which … stands for
// anything, and a line of it for any lines. How wide columns are doesn't matter.
func (s step) matches(printed string) bool {
	pattern := regexp.QuoteMeta(spaces.ReplaceAllString(s.output, " "))
	pattern = strings.ReplaceAll("\n"+pattern, "\n…\n", "\n(?:.*\n)*")
	pattern = strings.ReplaceAll(pattern, "…", ".*")
	printed = "\n" + spaces.ReplaceAllString(printed, " ")
	return regexp.MustCompile("^" + pattern + "$").MatchString(printed)
}

func TestConsoleSteps(t *testing.T) {
	steps := consoleSteps("text\n$ no\n```console\n$ a \\\n  b\nx … z\n…\nend\n$ c\n```\n$ no\n```sh\n$ no\n```\n")
	if len(steps) != 2 || steps[0].command != "a \\\n  b" || steps[0].line != 4 || steps[1].command != "c" || steps[1].output != "" {
		t.Fatalf("%+v", steps)
	}
	for printed, want := range map[string]bool{
		"x y  z\nend\n":         true,
		"x y z\n1\n2\nend\n":    true,
		"x y\n1\nend\n":         false,
		"x y z\nend\nmore\n":    false,
		"":                      false,
		"before\nx y z\nend\n":  false,
		"x . z\nlast\nno end\n": false,
	} {
		if steps[0].matches(printed) != want {
			t.Errorf("%q: %v", printed, !want)
		}
	}
	if !steps[1].matches("") || steps[1].matches("x\n") {
		t.Error("a command without output")
	}
}
