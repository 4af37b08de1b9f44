package main

import (
	"bytes"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"time"
)

// subject is a program that is run many times. Only the process is timed, from
// its start until it has been waited for.
type subject struct {
	// process makes what is run for the i-th time.
	process func(i int) (*exec.Cmd, error)
	// undo takes back what it did; nil: nothing.
	undo func(i int) error
}

// run returns the time that the i-th run took.
func (s subject) run(i int) (time.Duration, error) {
	cmd, err := s.process(i)
	if err != nil {
		return 0, err
	}
	took, err := timed(cmd)
	if err == nil && s.undo != nil {
		err = s.undo(i)
	}
	return took, err
}

// timed runs a process that must succeed.
func timed(cmd *exec.Cmd) (time.Duration, error) {
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	start := time.Now()
	err := cmd.Run()
	took := time.Since(start)
	if err != nil {
		return 0, fmt.Errorf("%s: %w\n%s", filepath.Base(cmd.Path), err, &output)
	}
	return took, nil
}

// times are those of many runs.
type times []time.Duration

// quantile is the value that the given part of the times is at or below.
func (t times) quantile(part float64) time.Duration {
	sorted := slices.Sorted(slices.Values(t))
	return sorted[min(int(part*float64(len(sorted))), len(sorted)-1)]
}

func (t times) median() time.Duration { return t.quantile(0.5) }

// comparison is what was measured of two subjects in turn.
type comparison struct {
	one, other times
}

func (c *comparison) add(one, other time.Duration) {
	c.one, c.other = append(c.one, one), append(c.other, other)
}

// ratio is the median of the pairs' ratios: whatever else the machine does
// slows both of a pair.
func (c comparison) ratio() float64 {
	ratios := make([]float64, len(c.one))
	for i := range ratios {
		ratios[i] = float64(c.one[i]) / float64(c.other[i])
	}
	slices.Sort(ratios)
	return ratios[len(ratios)/2]
}

// compare runs two subjects in turn, in alternating order, after a first pair
// that doesn't count.
func compare(pairs int, one, other subject) (comparison, error) {
	var c comparison
	for i := range pairs + 1 {
		a, b, err := pair(i, one, other)
		if err != nil {
			return c, err
		}
		if i > 0 {
			c.add(a, b)
		}
	}
	return c, nil
}

func pair(i int, one, other subject) (a, b time.Duration, err error) {
	if i%2 == 1 {
		b, err = other.run(i)
	}
	if err == nil {
		a, err = one.run(i)
	}
	if err == nil && i%2 == 0 {
		b, err = other.run(i)
	}
	return a, b, err
}

func (c comparison) row(what string, target float64) row {
	return row{what, c.ratio(), "x", target, fmt.Sprintf("%s / %s, medians of %d pairs", ms(c.one.median()), ms(c.other.median()), len(c.one))}
}

func ms(d time.Duration) string { return fmt.Sprintf("%.2f ms", float64(d)/float64(time.Millisecond)) }
