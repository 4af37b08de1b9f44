package main

import (
	"errors"
	"fmt"
	"sync"
	"time"
)

// levels are the numbers of endpoints at which an ADD is measured.
var levels = []int{10, 500, 2000}

// many measures ADD with more and more endpoints present. The other endpoints
// are made by ADDs too, so their records, sockets and directories are there.
func many(b *bench) error {
	var first float64
	for _, level := range levels {
		if err := b.fill(level); err != nil {
			return err
		}
		c, err := compare(40, b.add(b.network()), b.bare(b.host.APISocket))
		if err != nil {
			return fmt.Errorf("with %d endpoints: %w", level, err)
		}
		c.row(fmt.Sprintf("ADD / bare, with %d endpoints", level), 0).print()
		if first == 0 {
			first = c.ratio()
			continue
		}
		row{fmt.Sprintf("that with %d / with %d endpoints", level, levels[0]), c.ratio() / first, "x", 1.2, ""}.print()
	}
	return nil
}

// atOnce is how many calls that aren't timed run at the same time.
const atOnce = 4

// fill adds endpoints that stay, until there are count of them.
func (b *bench) fill(count int) error {
	conf := b.network()
	err := inParallel(count-b.stay, atOnce, func(i int) error {
		return b.succeed(b.call("ADD", conf, fmt.Sprintf("stays-%d", b.stay+i)))
	})
	b.stay = count
	return err
}

// inParallel does something for 0 to count-1, a number of them at once.
func inParallel(count, atOnce int, do func(i int) error) error {
	failed := make([]error, count)
	room := make(chan struct{}, atOnce)
	var all sync.WaitGroup
	for i := range failed {
		room <- struct{}{}
		all.Go(func() {
			failed[i] = do(i)
			<-room
		})
	}
	all.Wait()
	return errors.Join(failed...)
}

// How many ADDs run in parallel, and how often that is measured.
const (
	crowd  = 100
	rounds = 3
)

// parallel measures a crowd of ADDs that start at once, and as many in sequence.
func (b *bench) parallel() error {
	var totals comparison
	var each times
	for range rounds {
		sequential, _, err := b.crowd(1)
		if err != nil {
			return fmt.Errorf("%d ADDs in sequence: %w", crowd, err)
		}
		parallel, took, err := b.crowd(crowd)
		if err != nil {
			return fmt.Errorf("%d ADDs in parallel: %w", crowd, err)
		}
		totals.add(parallel, sequential)
		each = append(each, took...)
	}
	totals.row(fmt.Sprintf("%d ADDs in parallel / in sequence", crowd), 1).print()
	row{
		"p99 / median of those in parallel", float64(each.quantile(0.99)) / float64(each.median()), "x", 3,
		fmt.Sprintf("p50 %s, p99 %s; none failed", ms(each.median()), ms(each.quantile(0.99))),
	}.print()
	return nil
}

// crowd makes ADDs, a number of them at once, and takes them back. It returns
// the time of all together and of each.
func (b *bench) crowd(atOnce int) (total time.Duration, each times, err error) {
	conf := b.network()
	each = make(times, crowd)
	start := time.Now()
	err = inParallel(crowd, atOnce, func(i int) error {
		took, err := timed(b.call("ADD", conf, crowdPod(i)).Process(b.bin))
		each[i] = took
		return err
	})
	total = time.Since(start)
	return total, each, errors.Join(err, b.disperse(conf))
}

// disperse takes back what crowd made.
func (b *bench) disperse(conf []byte) error {
	return inParallel(crowd, atOnce, func(i int) error { return b.succeed(b.call("DEL", conf, crowdPod(i))) })
}

func crowdPod(i int) string { return fmt.Sprintf("crowd-%d", i) }
