package fields

import "testing"

func TestNearest(t *testing.T) {
	for key, want := range map[string]int{"role": 0, "ROLE": 0, "rol": 1, "roel": 1, "rolle": 1, "roles": 1, "mastr": 5, "": 4} {
		if _, got := Nearest(key, []string{"role"}); got != want {
			t.Errorf("%q to role: %d edits, want %d", key, got, want)
		}
	}
}
