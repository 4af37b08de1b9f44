package main

import "fmt"

// row is a line of the table.
type row struct {
	what   string
	figure float64
	unit   string
	// target is the most that the figure should be; 0: it is for information.
	target float64
	detail string
}

// print writes the row at once: the next one takes a while.
func (r row) print() {
	target, verdict := "", ""
	if r.target != 0 {
		target, verdict = fmt.Sprintf("%.4g", r.target), "met"
		if r.figure > r.target {
			verdict = "MISSED"
		}
	}
	fmt.Printf("%-52s %7.2f %-4s %6s  %-7s %s\n", r.what, r.figure, r.unit, target, verdict, r.detail)
}

func heading(text string) error {
	_, err := fmt.Printf("\n== %s\n%-52s %12s %6s\n", text, "", "measured", "target")
	return err
}
