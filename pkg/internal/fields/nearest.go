package fields

import "strings"

// Nearest returns the candidate that takes the fewest edits to reach from key,
// regardless of case, and that number. The first of equals wins.
func Nearest(key string, candidates []string) (best string, edits int) {
	edits = -1
	for _, c := range candidates {
		if d := distance(strings.ToLower(key), strings.ToLower(c)); edits < 0 || d < edits {
			best, edits = c, d
		}
	}
	return best, edits
}

// distance counts insertions, deletions, replacements and swaps of neighbours
// between a and b (optimal string alignment), in bytes. Keys longer than any
// of ours are cut: they are equally far from all of them.
func distance(a, b string) int {
	a, b = a[:min(len(a), 64)], b[:min(len(b), 64)]
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			rows[i][j] = cheapest(rows, a, b, i, j)
		}
	}
	return rows[len(a)][len(b)]
}

func cheapest(rows [][]int, a, b string, i, j int) int {
	replace := rows[i-1][j-1]
	if a[i-1] != b[j-1] {
		replace++
	}
	d := min(rows[i-1][j]+1, rows[i][j-1]+1, replace)
	if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
		d = min(d, rows[i-2][j-2]+1)
	}
	return d
}
