package leak

import "testing"

func TestIn(t *testing.T) {
	for document, want := range map[string]string{
		`{"a":[{"Secret":"hush-hush"}]}`:         "hush-hus",
		`{"secret":"hush-hush","b":"hush-hush"}`: "",
		`{"secret":"other"}`:                     "",
		`{"secret":{"secret":"hush-"}}`:          "hush-",
		`{`:                                      "",
	} {
		if got := In("text with hush-hush in it", []byte(document)); got != want {
			t.Errorf("%s: %q, want %q", document, got, want)
		}
	}
	if got := In("text", []byte(`{"secret":"hush-hush"}`)); got != "" {
		t.Errorf("told %q", got)
	}
}
