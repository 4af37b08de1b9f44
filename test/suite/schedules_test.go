package suite

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/userspace-cni/userspace-cni/pkg/state"
	"github.com/userspace-cni/userspace-cni/test/lab"
)

// A schedule is a sequence of calls and mishaps that a seed decides. After each
// step the host's VPP, IPAM and the pods are compared with a model (see
// model_test.go), and at its end nothing may be left.
type schedule struct {
	*world
	seed  uint64
	rand  *rand.Rand
	steps []string
	slots []*slot
}

// seedVariable names the one schedule to be run: what a failure prints.
const seedVariable = "SEED"

// budget is how many schedules are tried on an engine at most, and how long new
// ones are begun.
func budget(engine lab.Engine) (count uint64, limit time.Duration) {
	if engine.Real {
		return 100000, 30 * time.Second
	}
	return 2000, 140 * time.Second
}

// TestSchedules runs schedules until one fails, several at once, each worker on
// a VPP and a directory of records of its own.
func TestSchedules(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine lab.Engine) {
		newNetns(t, "any")
		run := &schedules{engine: engine}
		run.last, run.limit = budget(engine)
		if text := os.Getenv(seedVariable); text != "" {
			seed, err := strconv.ParseUint(text, 10, 64)
			if err != nil {
				t.Fatalf("%s=%s: %v", seedVariable, text, err)
			}
			run.next.Store(seed - 1)
			run.last = seed
		}
		started := time.Now()
		t.Cleanup(func() {
			summary(t, "%s: %d schedules (%d steps, %d of them with a mishap) on %s in %s, %d failed", t.Name(),
				run.tried.Load(), run.steps.Load(), run.mishaps.Load(), engine.Name, time.Since(started).Round(time.Second), run.failed.Load())
		})
		for i := range runtime.GOMAXPROCS(0) {
			name := fmt.Sprintf("worker%d", i)
			netns := newNetns(t, name)
			t.Run(name, func(t *testing.T) {
				t.Parallel() // at most GOMAXPROCS are
				if err := lab.Private(state.DefaultDir); err != nil {
					t.Fatal(err)
				}
				run.work(newWorld(t, engine, netns), started)
			})
		}
	})
}

// schedules is what the workers of one engine share.
type schedules struct {
	engine                        lab.Engine
	next                          atomic.Uint64 // the last seed taken
	last                          uint64
	limit                         time.Duration
	tried, steps, mishaps, failed atomic.Int64
}

func (run *schedules) work(w *world, started time.Time) {
	for run.failed.Load() == 0 && time.Since(started) < run.limit {
		seed := run.next.Add(1)
		if seed > run.last {
			return
		}
		s := newSchedule(w, seed)
		err := s.run()
		run.tried.Add(1)
		run.steps.Add(int64(len(s.steps)))
		run.mishaps.Add(int64(s.mishaps()))
		if err != nil || testing.Verbose() && os.Getenv(seedVariable) != "" {
			w.Logf("seed %d:\n%s", seed, strings.Join(s.steps, "\n"))
		}
		if err != nil {
			run.failed.Add(1)
			w.Errorf("%v\nTo replay: %s=%d go test ./test/suite -v -run %s", err, seedVariable, seed, path.Dir(w.Name()))
			return
		}
	}
}

func newSchedule(w *world, seed uint64) *schedule {
	s := &schedule{world: w, seed: seed, rand: rand.New(rand.NewPCG(seed, 0))}
	w.reset()
	// Networks that share something are beside one another.
	first, networks, sandboxes := s.rand.IntN(len(w.lanes)), 1+s.rand.IntN(3), 2+s.rand.IntN(2)
	for i := range networks {
		on := w.lanes[(first+i)%len(w.lanes)]
		for n := range sandboxes {
			a := on.attach(on.bench, fmt.Sprintf("sandbox-%d", n), "net1")
			a.netns = w.podNetns
			s.slots = append(s.slots, &slot{attachment: a, on: on, is: absent})
		}
	}
	return s
}

// moves are what may happen, each as often as its weight says; a mishap's name
// begins with a capital.
var moves = []struct {
	name   string
	weight int
	make   func(s *schedule, on *slot) error
}{
	{"add", 30, (*schedule).add},
	{"del", 16, (*schedule).del},
	{"check", 8, (*schedule).check},
	{"gc", 5, (*schedule).gc},
	{"Kill", 18, (*schedule).kill},
	{"Refuse", 14, (*schedule).refuse},
	{"Drop", 6, (*schedule).drop},
	{"Restart", 4, (*schedule).restart},
	{"Outage", 3, (*schedule).outage},
}

func (s *schedule) run() error {
	for range 4 + s.rand.IntN(5) {
		if err := s.move(); err != nil {
			return err
		}
	}
	if s.rand.IntN(3) == 0 {
		if err := s.settle(); err != nil {
			return err
		}
	}
	if err := s.clear(); err != nil {
		return err
	}
	return s.nothing()
}

func (s *schedule) move() error {
	total := 0
	for _, m := range moves {
		total += m.weight
	}
	n := s.rand.IntN(total)
	for _, m := range moves {
		if n -= m.weight; n < 0 {
			if err := m.make(s, s.slots[s.rand.IntN(len(s.slots))]); err != nil {
				return err
			}
			return s.compare()
		}
	}
	return nil
}

// settle adds again what a mishap struck, and finds everything intact.
func (s *schedule) settle() error {
	for _, on := range s.slots {
		if on.is == broken || on.is == unclear {
			if err := s.add(on); err != nil {
				return err
			}
		}
	}
	for _, on := range s.slots {
		if on.is == attached {
			if err := s.check(on); err != nil {
				return err
			}
		}
	}
	return s.compare()
}

// clear removes everything, network by network, by DEL or GC.
func (s *schedule) clear() error {
	for _, i := range s.rand.Perm(len(s.slots)) {
		on := s.slots[i]
		if on.is == absent {
			continue
		}
		remove := s.del
		if s.half() {
			remove = s.gcAll
		}
		if err := remove(on); err != nil {
			return err
		}
	}
	return nil
}

func (s *schedule) mishaps() int {
	count := 0
	for _, step := range s.steps {
		if step[0] >= 'A' && step[0] <= 'Z' {
			count++
		}
	}
	return count
}

// did notes a step and what came of it, which a failure prints.
func (s *schedule) did(format string, args ...any) {
	s.steps = append(s.steps, fmt.Sprintf(format, args...))
}
